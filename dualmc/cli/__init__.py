"""The command line, ``python -m dualmc``: one file per subcommand.

In come arguments; what is shown goes to the terminal or a file, and the exit status to the shell.
It may use every room and every verb.  In reading order: `program` (the parser and the way in),
`examples`, `train`, `compare`, `explain`, `survey` (and `surveying/`), `options` (what they have in
common), `expressions/` (the functions and points that a user writes).
"""
