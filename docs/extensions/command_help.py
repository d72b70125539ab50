"""`{command-help} NAME`: what `dualmc NAME --help` prints, as of the checkout."""

import contextlib
import io
import os
import sys
from unittest import mock

from docutils import nodes
from docutils.parsers.rst import Directive

from dualmc.cli.program import main


class CommandHelp(Directive):
    optional_arguments = 1

    def run(self):
        printed = io.StringIO()
        as_called = (
            mock.patch.object(sys, "argv", ["dualmc"]),
            mock.patch.dict(os.environ, COLUMNS="80", NO_COLOR="1"),
        )
        with as_called[0], as_called[1], contextlib.redirect_stdout(printed):
            try:
                main([*self.arguments, "--help"])
            except SystemExit as end:
                if end.code:
                    raise self.error(f"dualmc has no command {self.arguments}") from None
        return [nodes.literal_block("", printed.getvalue(), language="text")]


def setup(app):
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
