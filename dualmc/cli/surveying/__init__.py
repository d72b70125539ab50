"""What `survey` does: functions found, called at sample arguments, differentiated and compared.

In come names of functions and modules, out goes a `Finding` for each function.  In reading order:
`targets` (which functions are meant), `samples` (arguments to call them with), `trial` (one of them
differentiated, and what to say of it), `processes` (each in a process of its own).
"""
