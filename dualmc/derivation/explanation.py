"""`Explanation`: the derivation of a Jacobian, to be printed, shown and saved."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dualmc import files
from dualmc.calls.options import Layout
from dualmc.derivation.chain_rule import Derivation
from dualmc.derivation.content import blocks_of
from dualmc.derivation.notation import diagram, latex
from dualmc.derivation.notation.blocks import Picture, text_of
from dualmc.derivation.notation.latex import latex_of
from dualmc.derivation.notation.layout import of_diagram, strokes
from dualmc.derivation.notation.markdown import markdown_of
from dualmc.derivation.notation.page import fragment_of, page_of
from dualmc.derivation.notation.symbols import equals
from dualmc.derivation.notation.text import Text
from dualmc.derivation.partials import LARGEST, Partial
from dualmc.derivation.steps import By, Step
from dualmc.derivation.transposing import transposed_name
from dualmc.forward import jacobian_fwd
from dualmc.graph.nodes import Graph
from dualmc.pictures import data_flow

# Entries of a Jacobian that is computed for comparison without being asked for.
COMPARED = 2**21


class Explanation:
    """What `explain` returns; print it, show it in a notebook, or save it.

    Attributes
    ----------
    graph : Graph
        The recorded operations.
    value : ndarray or scalar
    layout : str
        "numerator" or "denominator".

    Examples
    --------
    >>> import numpy as np, dualmc as dm
    >>> [step.equation for step in dm.explain(lambda x: np.log(np.sin(x**3)), 1.2).steps]
    ['u1 = x^3', 'u2 = sin(u1)', 'y = ln(u2)']
    """

    def __init__(
        self,
        f: Callable,
        args: tuple[Any, ...],
        numbers: tuple[int, ...],
        graph: Graph,
        layout: Layout = "numerator",
    ) -> None:
        self.graph = graph
        self.value = graph.value[()]
        self._f = f
        self._args = args
        self._numbers = numbers
        self.layout = layout

    @cached_property
    def derivation(self) -> Derivation:
        """The chain rule carried out in both orders."""
        return Derivation(self.graph, self.layout)

    @cached_property
    def jacobian(self) -> dict[str, Any]:
        """For every input, by name, what `jacobian_fwd` returns: ``y.shape + x.shape``, or the
        other way round in denominator layout."""
        depth = self.graph.output.value.ndim
        return {x.name: self._turned(J, depth) for x, J in self._computed.items()}

    @cached_property
    def _computed(self) -> dict[Any, Any]:
        """The Jacobians in numerator layout, by node."""
        found = jacobian_fwd(self._f, *self._args, argnums=self._numbers)
        return dict(zip(self.graph.inputs, found, strict=True))

    def _turned(self, J: Any, depth: int) -> Any:
        """A Jacobian of an output of `depth` axes in the layout that was asked for."""
        if self.layout == "numerator" or not np.ndim(J):
            return J
        return np.moveaxis(J, range(depth), range(np.ndim(J) - depth, np.ndim(J)))

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The intermediate variables, with their partials."""
        printer, writer = Text(), self.derivation.writer
        found = []
        for node in self.graph.nodes:
            partials = []
            for partial in self.derivation.partials.get(node, []):
                form, is_known = writer.partial(partial)
                text = printer.write(writer.jacobian(form, max(partial.shape) == 1))
                structure = partial.structure
                if self.layout == "denominator":
                    structure = transposed_name(structure)
                partials.append(
                    By(
                        partial.operand.name,
                        text if is_known else structure,
                        self._shown(partial),
                        structure,
                    )
                )
            equation = printer.write(equals(writer.symbol(node), writer.equation(node)))
            found.append(Step(node.name, equation, node.value[()], tuple(partials)))
        return tuple(found)

    def _shown(self, partial: Partial) -> Any:
        m, n = partial.shape
        if m * n > LARGEST:
            return partial.entries
        return self._turned(partial.full(), partial.node.value.ndim)[()]

    @cached_property
    def _blocks(self) -> list[Any]:
        jacobian = None
        if self.graph.output.size * sum(x.size for x in self.graph.inputs) <= COMPARED:
            jacobian = self._computed
        return blocks_of(self.derivation, jacobian)

    def __repr__(self) -> str:
        count, inputs = len(self.graph.nodes), ", ".join(x.name for x in self.graph.inputs)
        operations = f"{count:,} operation{'s' * (count != 1)}"
        return f"<Explanation of {self.graph.output.name} by {inputs}: {operations}>"

    def __str__(self) -> str:
        return self.text()

    def text(self) -> str:
        """The derivation as plain text."""
        return text_of(self._blocks) + "\n"

    def latex(self) -> str:
        """The derivation as a LaTeX document."""
        return latex_of(self._blocks)

    def html(self) -> str:
        """The derivation as a self-contained HTML page."""
        title = text_of(self._blocks[:1]).partition("\n")[0]
        return page_of(self._blocks, title)

    def _repr_html_(self) -> str:
        """What notebooks show; they prefer it to the two below."""
        return fragment_of(self._blocks)

    def _repr_latex_(self) -> str:
        """What a notebook that becomes a PDF shows."""
        return latex.fragment_of([b for b in self._blocks if not isinstance(b, Picture)])

    def _repr_markdown_(self) -> str:
        return markdown_of(self._blocks)

    def dot(self, *, most: int = diagram.DRAWN) -> str:
        """The data-flow graph in the language of Graphviz, for ``dot -Tsvg`` and its kin.

        Parameters
        ----------
        most : int, optional
            Operations, and inputs, that are drawn; of more the first and the last, and a box
            stands for those between.

        Raises
        ------
        ValueError
            If `most` is no whole number of at least 3.

        Examples
        --------
        >>> import numpy as np, dualmc as dm
        >>> print(dm.explain(lambda x: np.sin(x**2), 1.0).dot())
        digraph derivation {
          rankdir=LR;
          node [shape=box, style="rounded"];
          n0 [label="x\\n= 1", shape=ellipse];
          n1 [label="u₁ = x²\\n= 1"];
          n2 [label="y = sin(u₁)\\n= 0.841471", peripheries=2];
          n0 -> n1 [label="2x"];
          n1 -> n2 [label="cos(u₁)"];
        }
        <BLANKLINE>
        """
        return diagram.dot_of(diagram.of_derivation(self.derivation, diagram.checked(most, "dot")))

    def plot(self, *, ax: Any = None, most: int = diagram.DRAWN) -> Any:
        """Draw the data-flow graph: equations and values in boxes, partials on the edges.

        Each box bears too what the two orders accumulate: ``→ du/dx``, known to forward order once
        it has come from x to u, and ``← dy/du``, known to reverse order once it has come back from
        y to u (of more than three inputs, reverse order alone).

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default on a new figure of pyplot's, as large as the graph asks for.
        most : int, optional
            As for `dot`.

        Returns
        -------
        ax : matplotlib.axes.Axes

        Raises
        ------
        ImportError
            If matplotlib is not installed (``pip install dualmc[plot]``).
        TypeError, ValueError
            If `ax` is no Axes of a figure, or `most` no whole number of at least 3.
        """
        drawn = diagram.of_derivation(self.derivation, diagram.checked(most, "plot"), True)
        found = of_diagram(drawn)
        lines = [strokes(edge, found.is_wide) for edge in found.edges]
        return data_flow.draw(found, lines, ax, "→ forward, ← reverse")

    def save(self, path: str | Path) -> None:
        """Write the derivation to a file: HTML, LaTeX or text by its suffix.

        Raises
        ------
        ValueError
            If the suffix is not .html, .tex or .txt.
        OSError
            If it cannot be written; a file that was there before stays as it was.
        """
        formats = {".html": self.html, ".tex": self.latex, ".txt": self.text}
        content = formats.get(Path(path).suffix.lower())
        if content is None:
            raise ValueError(
                f"Explanation.save writes .html, .tex or .txt files; got {str(path)!r}."
            )
        files.write(path, content())
