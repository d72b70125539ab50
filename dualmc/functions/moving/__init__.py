"""Functions that move elements and compute nothing: their tangents are gathered, or viewed.

Each runs once more on flat positions, to learn where every element came from.  May use `results.py`
and `axes.py` beside this room, and `steps/` and below.  In reading order: `by_position.py` (the
rule), `reshaping.py`, `selection.py`, `joining.py`, `padding.py`, `sets.py`, `inplace.py`, and,
where the values decide the order, `order.py` and `quantiles.py`; `planned.py`, the plans of joins,
choices and copies.
"""
