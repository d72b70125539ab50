"""The user's code on stand-ins, in place, for the time of a call.

In comes the function that a call differentiates, out go the functions whose code is to be
exchanged.  In reading order: `values.py`, what is found in place of a value; `modules.py`, in place
of a module; `bytecode.py`, code as instructions; `uses.py`, what code does with a name;
`rewriting.py`, code on stand-ins; `trampolines.py`, library functions that lead to theirs;
`exchange.py`, for the time of a call; `following.py`, to which functions f leads; `plans.py`, what
a call needs; `learning.py`, which others are seen to run.  It uses `standins/`.
"""
