"""Between a derivative and the solver that asks for it.

In: f as its solver calls it.  Out: value and derivative in the solver's order, shape and packing,
computed once per point.  `conventions`: how each solver calls, and what it wants back; `nodes`
those of `solve_bvp`, `parameters` those of lmfit; `checks`: which options go with which solver.
`memo`: the latest point, by its bits and by what f reads beside it.  `derivative`: fresh calls, and
machine code once that pays; `pairs`: whether a value is computed together with its Jacobian;
`jac`: what the user gets.
"""
