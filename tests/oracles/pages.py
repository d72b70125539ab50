"""The pages of the repository, and what stands on them: blocks of code, headings, links."""

import doctest
import importlib.util
import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMES = (
    "README.md", "CONTRIBUTING.md", "SECURITY.md", "tests/README.md", "bench/README.md",
    "examples/README.md", "examples/notebooks/README.md",
)  # fmt: skip
PAGES = [*(ROOT / name for name in NAMES), *sorted((ROOT / "docs").rglob("*.md"))]
# What some blocks need that the tests do not bring, where it is not there.
MISSING = {name for name in ("iminuit", "lmfit") if importlib.util.find_spec(name) is None}
FENCE = re.compile(r"^( *)(`{3,}|:{3,}) *(\S*)[^\n]*\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)


def named(page):
    return str(page.relative_to(ROOT))


def blocks(text, before=0):
    """Fenced blocks, those inside of directives too: (language, line before the code's, code)."""
    for found in FENCE.finditer(text):
        line = before + text.count("\n", 0, found.start(4))
        yield found[3], line, textwrap.dedent(found[4])
        if found[3].startswith("{"):
            yield from blocks(found[4], line)


def python_blocks(page):
    text = page.read_text(encoding="utf-8")
    return [block for block in blocks(text) if block[0] in ("python", "pycon")]


def run(page):
    """Run the Python blocks of a page, in its order and one namespace: (examples run, failed).

    A block of examples (``>>>``) prints what it says; another one is run as it stands.
    """
    names = {"__name__": "__main__"}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    count = 0
    for _, line, code in python_blocks(page):
        if ">>> " in code:
            test = doctest.DocTestParser().get_doctest(code, {}, named(page), str(page), line)
            test.globs = names
            count += len(test.examples)
            runner.run(test, clear_globs=False)
        elif not MISSING & set(re.findall(r"^import (\w+)", code, re.MULTILINE)):
            # Compiled with its lines, which tracebacks and `inspect` find on the page.
            exec(compile("\n" * line + code, str(page), "exec"), names)
            count += 1
    return count, runner.summarize(verbose=False).failed


def without_code(text):
    """Text in which links are links: without blocks of code, and without code in a line."""
    kept = FENCE.sub(lambda found: without_code(found[4]) if found[3].startswith("{") else "", text)
    return re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", kept, flags=re.DOTALL)


def links(text):
    """Targets of links and pictures, of both forms, and of addresses in angle brackets."""
    plain = without_code(text)
    found = re.findall(r"\]\(\s*<?([^()\s>]+(?:\([^()\s]*\))?[^()\s>]*)>?[^()]*\)", plain)
    found += re.findall(r"^\[[^\]]+\]: +(\S+)", plain, re.MULTILINE)
    return found + re.findall(r"<(https?:[^>\s]+)>", plain)


def anchors(page):
    """What may follow ``#``: headings in lower case, words joined, and names given to places."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    slugs, given = [], re.findall(r"^\(([\w-]+)\)=", text, re.MULTILINE)
    for heading in re.findall(r"^#+ +(.*?) *#*$", text, re.MULTILINE):
        words = re.sub(r"[^\w\s-]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading))
        slug = words.lower().replace(" ", "-")
        seen = sum(slug == other for other, _ in slugs)
        slugs.append((slug, f"{slug}-{seen}" if seen else slug))
    return {slug for _, slug in slugs} | set(given)
