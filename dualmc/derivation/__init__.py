"""How a Jacobian comes about, in the document's four steps: the inside of `explain`.

In comes a function at a point; out go its recorded graph, the chain rule carried out in both
orders, as numbers and as formulas, and the blocks of an explanation, which `notation/` writes.  It
may use the verbs of forward mode and the rooms below.  In reading order: `surroundings`, `trace`
(the graph), `partials`, `chain_rule` (numbers), `factors`, `forms`, `textbook`, `matrix_forms`,
`formulas`, `substitution`, `transposing` (formulas); then what is shown: `steps`, `pieces`,
`combination`, `content`; `explanation` is what the user gets.
"""
