"""The options of the public functions: what each may be, and a sentence for what it may not."""

import numpy as np

# The sparse formats in which a Jacobian is handed back.
FORMATS = ("csr", "csc", "coo")


def format_of(sparse, caller):
    """The format that the option `sparse` asks for, or None for a dense result."""
    if isinstance(sparse, (bool, np.bool_)):
        return FORMATS[0] if sparse else None
    if isinstance(sparse, str) and sparse in FORMATS:
        return sparse
    raise wrong("sparse", sparse, f"True, False or one of {_listed(FORMATS)}", caller)


def check_layout(layout, caller):
    if not isinstance(layout, str) or layout not in ("numerator", "denominator"):
        raise ValueError(
            f'{caller}: layout must be "numerator" or "denominator", got layout={layout!r}.'
        )


def check_flag(name, value, caller):
    """`value` as a bool."""
    if not isinstance(value, (bool, np.bool_)):
        raise wrong(name, value, "True or False", caller)
    return bool(value)


def wrong(name, value, needs, caller):
    """The error for an option: a TypeError where not even its type would do."""
    kind = ValueError if isinstance(value, (str, int, float)) else TypeError
    return kind(f"{caller}: {name} must be {needs}, got {name}={value!r}.")


def _listed(words):
    return ", ".join(f'"{word}"' for word in words)
