"""Mathematics as MathML, which browsers draw themselves: nothing to load, by page or by reader."""

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

logger = logging.getLogger(__name__)


def mathml(self, node, is_block):
    """The element for a node; LaTeX that docutils does not know is a warning at its line."""
    code = node.astext()
    try:
        return tex2mathml(code, as_block=is_block)
    except (ValueError, SyntaxError) as error:
        logger.warning("no MathML for %r: %s", code, error, location=node)
        return self.encode(code)


def inline(self, node):
    self.body.append(f'<span class="math">{mathml(self, node, False)}</span>')
    raise nodes.SkipNode


def block(self, node):
    self.body.append(self.starttag(node, "div", CLASS="math"))
    self.body.append(f"{mathml(self, node, True)}</div>\n")
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
