"""The site, built once, and a browser that looks at it."""

import functools
import http.server
import importlib.util
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
NEEDED = ("sphinx", "myst_parser", "numpydoc", "pydata_sphinx_theme", "sphinx_copybutton",
          "sphinx_design", "sphinx-mathjax-offline", "scipy", "matplotlib")  # fmt: skip


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder with the pages, made anew; a warning is an error."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"the site needs {', '.join(missing)}: pip install -e '.[docs]'")
    pages = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run([*command, DOCS, pages], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return pages


@pytest.fixture(scope="session")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    found = [path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))]
    if not found:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found[0], args=["--no-sandbox"])
        yield browser
        browser.close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def served():
    """Serves a folder to this machine alone; its address."""
    servers = []

    def serve(folder):
        handler = functools.partial(_Quiet, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def phone(chromium):
    """Opens an address as a phone does; beside the page, its errors and what it asked of others."""
    contexts = []

    def look(address, scheme="light"):
        context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
        contexts.append(context)
        page, wrong = context.new_page(), []
        own = "/".join(address.split("/")[:3]), "data:", "blob:"
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith(own) or wrong.append(asked.url))
        page.goto(address)
        return page, wrong

    yield look
    for context in contexts:
        context.close()
