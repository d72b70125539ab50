"""How `sphinx-build -W docs OUT` makes the site: nothing that it shows is fetched by a reader."""

import sys
from pathlib import Path

import dualmc

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "dualmc"
author = copyright = "The dualmc authors"
release = version = dualmc.__version__
language = "en"

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "code_blocks",
    "command_help",
    "sphinx-mathjax-offline",  # MathJax and its fonts, put beside the pages
    "gallery",
    "links_out",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["extensions"]

# Pages
myst_enable_extensions = ["attrs_block", "colon_fence", "deflist", "amsmath", "dollarmath"]
myst_heading_anchors = 4

# The reference
autosummary_generate = True
templates_path = ["_templates"]
default_role = "py:obj"  # of a name in single backticks; what is none stays code
add_module_names = False
autodoc_typehints = "none"  # the docstrings give shapes, which annotations cannot
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# Looks
html_theme = "pydata_sphinx_theme"
html_title = "dualmc"
html_static_path = ["_static"]
html_css_files = ["dualmc.css"]
html_js_files = [("pictures.js", {"defer": "defer"})]
html_sidebars = {"start/index": []}  # a section of one page
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "dualmc"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "header_links_before_dropdown": 7,
    "show_prev_next": False,
    "show_toc_level": 2,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def public_signature(app, what, name, obj, options, signature, returned):
    """Without what is there to name options that a call has not."""
    return (signature or "").replace(", **unknown", "") or None, returned


def in_its_language(app, name, template, context, doctree):
    """Tell browsers which pages are Chinese: they choose the font by it."""
    if name.startswith("zh/"):
        context["language"] = "zh-CN"


def setup(app):
    app.connect("autodoc-process-signature", public_signature)
    app.connect("html-page-context", in_its_language)
