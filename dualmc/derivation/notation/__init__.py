"""Formulas and explanations, written: as text, LaTeX, or a page of MathML and SVG.

In come formulas and blocks; out go strings.  Of other rooms only the nodes of a graph are used, for
its drawing.  In reading order: `symbols` (formulas as trees), `replacing`, `printer` (the walk
over them), `text`, `typeset` (what LaTeX and MathML share), `blocks` (what an explanation consists
of), `layout` (of the drawing), `latex`, `markdown`, `mathml`, `page`.
"""
