"""Derivatives of a compiled function at many points: a compiled loop over its sweeps."""


def answered(f, points, of, has_value, given):
    return None
