"""Several names for one array: what is written through one is read through the other."""

import numpy as np
from points import M, V

from function_cases.case import DIFF, STEP, Case


def alias_same_array(x):
    y = x
    y[0] = x[1] ** 2
    return x * y


def alias_two_views(x):
    a, b = x[:3], x[2:]
    a[2] = a[0] * a[1]
    b[1:] += b[0]
    return np.concatenate([a, b])


def alias_view_survives_rebinding(x):
    y = x[:2]
    x = x * 2
    x[0] = 3.0
    return y * x[:2]


def alias_scalar_is_a_copy(x):
    v = x[0]
    x[0] = 5.0
    return v * x


def alias_scalar_after_writes(x):
    x[0] = x[0] * 2
    v = x[0]
    w = x[1]
    x[0] = x[0] * 3
    x[1] = v * w
    return v + w * x


def alias_copy(x):
    y = x[:3].copy()
    x[:3] = 0.0
    y[0] *= 2
    return y + x[2:]


def alias_result_of_sum(x):
    t = x.sum()
    x[0] = 100.0
    return t * x[1]


def alias_operand(x):
    y = x * 1.0
    z = y + 0.0
    y[0] = 9.0
    y[1:] *= 2
    return z * y


def alias_in_list(x):
    rows = [x[0], x[1]]
    rows[0][1] = rows[1][2] ** 2
    rows[1] *= 2
    return x


def alias_in_function(x):
    def scale(v, factor):
        v *= factor

    scale(x[1:3], x[0])
    scale(x, 2.0)
    return x


def alias_fancy_is_a_copy(x):
    y = x[[0, 1]]
    y[0] = 9.0
    y[1] += x[2]
    return np.concatenate([x, y])


def alias_element_augmented(x):
    v = x[0]
    v += x[1]
    v *= 2
    return x * v


def alias_ravel_reshape_chain(x):
    v = x.reshape(4, 3)[1:].T[:, ::-1]
    v[0] = x[0, 0] * x[0, 1]
    v[1:, 1] *= 2.0
    return x


def alias_slice_of_result(x):
    y = np.exp(x)
    y[1:3][0] = x[0]
    y[1:3][:] *= 2
    return y


def alias_real_part(x):
    y = x * 1.0
    y.real[1] = x[0] ** 2
    return y


def alias_broadcast_reads_later(x):
    y = x * 1.0
    b = np.broadcast_to(y, (2, 5))
    y[0] = x[1] * x[2]
    return b * 1.0


def alias_atleast(x):
    y = x * 1.0
    np.atleast_2d(y)[0, 1] = x[0] ** 2
    np.atleast_1d(y)[2] = 3.0
    return y


ALIASES = [
    Case(f.__name__.replace("_", "-"), f, x, oracle)
    for f, x, oracle in [
        (alias_same_array, V, STEP),
        (alias_two_views, V, STEP),
        (alias_view_survives_rebinding, V, STEP),
        (alias_scalar_is_a_copy, V, STEP),
        (alias_scalar_after_writes, V, STEP),
        (alias_copy, V, STEP),
        (alias_result_of_sum, V, STEP),
        (alias_operand, V, STEP),
        (alias_in_list, M, STEP),
        (alias_in_function, V, STEP),
        (alias_fancy_is_a_copy, V, STEP),
        (alias_element_augmented, V, STEP),
        (alias_ravel_reshape_chain, M, STEP),
        (alias_slice_of_result, V, STEP),
        (alias_real_part, V, DIFF),
        (alias_broadcast_reads_later, V, STEP),
        (alias_atleast, V, STEP),
    ]
]
