"""Code blocks end where their code does: a page's doctests need a blank line before the fence."""

from docutils import nodes


def without_blank_ends(app, doctree):
    for block in doctree.findall(nodes.literal_block):
        text = block.astext().rstrip()
        block.rawsource = text  # by which Sphinx knows that the block may be highlighted
        block[:] = [nodes.Text(text)]


def setup(app):
    app.connect("doctree-read", without_blank_ends)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
