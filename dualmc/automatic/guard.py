"""The check that all that closed code reads is what it was, as one function of f.

A function made anew by the code around it counts as the same if its variables hold the same:
numbers of the same type and value, arrays of the same type, shape and bits, functions alike.
"""

import types

from dualmc.automatic import allowed
from dualmc.replay.guards.snapshot import Book
from dualmc.unchanged.code.exchange import code_of


def guard(closed, f):
    """``check(f)``: whether another f of the same code reads what this one, `closed`, read."""
    writer = _Writer(closed)
    writer.function("f", f)
    for (module, name), value in closed.attributes.items():
        writer.add(f"{writer.name(vars(module))}.get({name!r}) is not {writer.name(value)}")
    text = "\n".join(
        ["def check(f, seen):", " try:", *writer.lines, "  return True",
         " except (ValueError, KeyError, AttributeError, IndexError, TypeError):",
         "  return False"]
    )  # fmt: skip
    exec(text, writer.scope)
    return writer.scope["check"]


class _Writer:
    """Lines of a check: each returns False where something is not what it was."""

    def __init__(self, closed):
        self.closed = closed
        self.book = Book()
        self.scope = {"FunctionType": types.FunctionType, "code_of": code_of}
        self.lines = []
        self.met = {}  # the variables that functions are in, by id

    def name(self, value):
        name = f"c{len(self.scope)}"
        self.scope[name] = value
        return name

    def add(self, condition):
        self.lines.append(f"  if {condition}: return False")

    def function(self, v, f):
        """`v`, a variable, is a function that reads what `f` read."""
        if id(f) in self.met:
            self.add(f"{v} is not {self.met[id(f)]}")
            return
        self.met[id(f)] = v
        read = self.closed.functions[id(f)]
        code, names = self.name(read.code), self.name(f.__globals__)
        self.add(
            f"type({v}) is not FunctionType or {v}.__globals__ is not {names} or {v}.__dict__ "
            f"or ({v}.__code__ is not {code} and code_of({v}) is not {code})"
        )
        self.value(f"{v}.__defaults__", f.__defaults__)
        self.value(f"{v}.__kwdefaults__", f.__kwdefaults__)
        for number, value in read.cells.items():
            self.value(f"{v}.__closure__[{number}].cell_contents", value)
        for name, value in read.globals.items():
            self.value(f"{names}[{name!r}]", value)
        found = self.name(f.__builtins__) if read.builtins else None
        if found is not None:
            self.add(f"{v}.__builtins__ is not {found}")
        for name, value in read.builtins.items():
            self.add(f"{name!r} in {names} or {found}[{name!r}] is not {self.name(value)}")

    def value(self, text, value):
        """What the expression `text` gives is `value`, or just like it."""
        if type(value) is types.FunctionType and not allowed.is_function(value):
            v = self.name(None)
            self.lines.append(f"  {v} = {text}")
            self.function(v, value)
        elif value is None or type(value) is types.ModuleType or allowed.is_function(value):
            self.add(f"{text} is not {self.name(value)}")
        else:
            is_same = f"{self.name(self.book.match(value))}({text}, seen)"
            if not allowed.is_array(value) and type(value) is not dict:
                is_same = f"{text} is {self.name(value)} or {is_same}"
            self.add(f"not ({is_same})")
