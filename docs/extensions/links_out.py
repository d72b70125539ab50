"""Links from a page to files of the repository that are not pages of the site become their text.

On a page as it lies in the repository they lead to the file.
"""

import os
import re
from pathlib import Path

# `[text](../file)`, of which the text stays.
LINK = re.compile(r"(?<!!)\[([^\[\]]*)\]\(((?:\.\./)+[^()\s#]*)(#[^()\s]*)?\)")


def without_links_out(app, docname, source):
    folder = Path(app.srcdir, docname).parent

    def kept(link):
        target = Path(os.path.normpath(folder / link[2]))
        return link[0] if target.is_relative_to(app.srcdir) else link[1]

    source[0] = LINK.sub(kept, source[0])


def setup(app):
    app.connect("source-read", without_links_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
