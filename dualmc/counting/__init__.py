"""What each mode costs for a recorded function: the inside of `compare`.

In come the steps of a tape and its inputs; out go multiplications, additions and predicted seconds,
measured ones, and tables of them.  It may use `passes` and the rooms below it.  In reading order:
`work`, `elements`, `products`, `kinds` (one table of all steps), `costs` (the whole graph),
`predict`, `calibration` (what its units cost here, measured on `probes`); `report`, `comparison`
(what is found), `chain`, `measuring`, `compared` (all of it for one call).
"""
