"""The gallery: every program of `examples/` is run, at a size that takes seconds, and drawn.

A page `gallery/NAME.md` has a title and what to look at; what the program says of itself, its
picture, what it printed and its text are put below.  Programs run in processes of their own, and
not again while they stay as they are.
"""

import ast
import concurrent.futures
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from sphinx.errors import ExtensionError

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXAMPLES = ROOT / "examples"
PAGES = HERE.parent / "gallery"
MADE = PAGES / "generated"

PAGE = """
{told}

:::{{figure}} generated/{name}.png
:alt: {caption}

{caption}
:::

## What it prints

By `main({options})`; the times are those of the machine that made this page.

```text
{printed}
```

## The program

```{{literalinclude}} ../../examples/{name}.py
:language: python
```
"""


def names():
    return sorted(path.stem for path in PAGES.glob("*.md") if path.stem != "index")


def digest():
    """Of the programs and what draws them; that dualmc changes none of it is for the tests."""
    found = hashlib.sha256()
    for path in sorted([*EXAMPLES.glob("*.py"), *HERE.glob("*.py")]):
        found.update(path.read_bytes())
    return found.hexdigest()


def drawn(name):
    """Run and draw one program, unless it failed: then its words."""
    command = [sys.executable, HERE / "drawing.py", name, MADE]
    paths = [str(EXAMPLES), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return None if done.returncode == 0 else f"examples/{name}.py:\n{done.stderr}"


def draw_all(app):
    now, stamp = digest(), MADE / "digest"
    if stamp.exists() and stamp.read_text() == now:
        return
    MADE.mkdir(exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        failed = list(filter(None, pool.map(drawn, names())))
    if failed:
        raise ExtensionError("\n".join(failed))
    stamp.write_text(now)


def with_program(app, docname, source):
    folder, _, name = docname.rpartition("/")
    if folder == "gallery" and name != "index":
        text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
        options, caption, printed = (MADE / f"{name}.txt").read_text().split("\n", 2)
        source[0] += PAGE.format(
            told=ast.get_docstring(ast.parse(text)),
            name=name, options=options, caption=caption, printed=printed.rstrip(),
        )  # fmt: skip


def setup(app):
    app.connect("builder-inited", draw_all)
    app.connect("source-read", with_program)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
