"""Writing by index, through views, and by the functions that write into their argument."""

import numpy as np
from points import A5, A33, MASK5, MASK34, S0, M, Q, T, V

from function_cases.case import DIFF, STEP, Case


def write_elements(x):
    x[0] = x[1] * x[2]
    x[-1] = 5.0
    x[2] += x[0]
    return x


def write_slices(x):
    x[1:3] = x[3:] * 2
    x[::2] *= x[0]
    x[:2] -= 1
    return x


def write_broadcast(x):
    x[:, 1] = x[0, 0] * 2
    x[1] = x[2]
    x[:2, 2:] = x[0, :2] * x[0, 1]
    x[..., 0] = 7.0
    return x


def write_through_view(x):
    y = x[1:4]
    y += 10 * x[0]
    y[0] = x[4] ** 2
    return x * y[2]


def write_through_view_of_view(x):
    y = x[1:]
    z = y[::2]
    z *= 3.0
    z[1] = x[0] * y[1]
    return np.concatenate([x, y, z])


def write_root_read_view(x):
    y = x[1:4]
    z = y[::-1]
    x[2] = x[0] * x[1]
    return y * z


def write_through_transpose(x):
    t = x.T
    t[0] = x[1, 2] * t[1]
    t[2, 1] = 4.0
    return x


def write_through_reshape(x):
    r = x.reshape(-1)
    r[3:7] *= r[0]
    x[2, 2] = r[1] ** 2
    return x + r.reshape(3, 4)


def write_through_ravel(x):
    x.ravel()[5] = x[0, 0] * 3
    np.ravel(x)[0] = 2.0
    return x


def write_to_flatten(x):
    x.flatten()[0] = 9.0
    r = x.T.reshape(-1)
    r[1] = 9.0
    return x * r[1]


def write_through_diagonal(x):
    y = x.copy()
    np.einsum("ii->i", A33 * 1.0)[:] = 1.0
    i = np.arange(3)
    y[i, i] += x[:, 0] ** 2
    return y


def write_through_newaxis(x):
    c = x[:, None]
    c[1:3, 0] = x[0]
    return x * c.sum()


def write_through_swapaxes(x):
    np.swapaxes(x, 0, 2)[1] = x[0, 0, 0] * 2
    np.moveaxis(x, 0, -1)[0, 0] *= 3
    return x


def write_through_squeeze(x):
    np.squeeze(x[None])[1] = x[0] ** 2
    np.expand_dims(x, 1)[2, 0] = x[3] * 2
    return x


def write_through_split(x):
    a, b = np.split(x, [2])
    a *= b[0]
    b[1] = a[0]
    return x


def write_through_flip(x):
    np.flip(x)[0] = x[0] * x[1]
    x[::-1][1] = x[2] ** 2
    return x


def write_through_rows(x):
    for row in x:
        row *= row[0]
    return x


def write_through_unpacked_rows(x):
    a, b, c = x
    a += b * c
    return x


def write_mask(x):
    x[x < 0] = 0.0
    x[MASK5] *= 2
    x[x > 1] = x[0] * 3
    return x


def write_mask_array(x):
    x[MASK34] = x[MASK34] ** 2
    x[x > 1.5] = np.sqrt(x[x > 1.5])
    return x


def write_mask_rows(x):
    x[[True, False, True]] = x[1] * 2
    x[:, [True, False, False, True]] -= x[:, 1:3]
    return x


def write_fancy(x):
    x[[0, 3]] = x[[1, 2]] * 2
    x[np.array([4, 2])] = 1.0
    return x


def write_fancy_duplicates(x):
    x[[1, 1, 3]] = x[[0, 2, 4]] * 2
    return x


def write_fancy_duplicates_add(x):
    x[[0, 0, 1]] += x[4]
    return x


def write_fancy_2d(x):
    x[[0, 1], [1, 2]] = x[2, :2] ** 2
    x[np.ix_([0, 2], [3])] *= x[1, 1]
    x[:, [0, 2]] = x[:, [2, 0]]
    return x


def write_fancy_separated(x):
    x[[0, 1], :, [1, 2]] = x[0, :, 0] * 2
    return x


def write_overlap(x):
    x[1:] = x[:-1]
    x[:3] += x[2:]
    return x


def write_reversed(x):
    x[:] = x[::-1]
    return x * A5


def write_self_product(x):
    x *= x
    x += x[0]
    return x


def write_ellipsis(x):
    y = np.empty_like(x)
    y[...] = x * 2
    y[...] *= y
    return y


def write_0d(x):
    y = np.empty_like(x)
    y[...] = x**2
    y[()] = y * x
    return y


def write_constants(x):
    y = x * 2
    y[:] = 1.0
    y[0] = x[0]
    return y


def write_list(x):
    y = np.zeros_like(x)
    y[:2] = [x[0] * x[1], 3.0]
    y[2:] = (x[0], x[1], x[2])
    return y


def write_object_array(x):
    y = np.zeros_like(x)
    y[1:3] = np.array([x[0], x[1] ** 2])
    return y


def write_nothing(x):
    x[3:2] = 5.0
    x[[]] = 1.0
    x[x > 99] = x[0]
    return x


def copyto_and_friends(x):
    y = np.zeros_like(x)
    np.copyto(y, x**2)
    np.copyto(y, x[0], where=MASK5)
    z = 2.0 * x
    np.put(z, [0, 2], [x[1], 5.0])
    np.putmask(z, ~MASK5, x * 3)
    w = 1.0 * x
    np.place(w, MASK5, x[:2] ** 2)
    return np.stack([y, z, w])


def put_along(x):
    y = 1.0 * x
    np.put_along_axis(y, np.array([[0], [2], [3]]), x[:, :1] ** 2, axis=1)
    np.put_along_axis(y, np.array([[1, 1, 2, 0]]), 9.0, axis=0)
    return y


def fill_diagonals(x):
    y = 1.0 * x
    np.fill_diagonal(y, x[0, 0] ** 2)
    z = np.zeros_like(x)
    np.fill_diagonal(z, x[1])
    w = x * 2
    np.fill_diagonal(w, 0.0)
    return y @ z + w


def put_modes(x):
    y = 1.0 * x
    np.put(y, [7, -1], x[0], mode="wrap")
    y.put([9], [x[1] * x[2]], mode="clip")
    return y


def flat_writes(x):
    y = 1.0 * x
    y.flat[1:3] = x[1, :2] ** 2
    y.flat[5] = 3.0
    y.flat[[0, 7]] = x[0, 0]
    y.flat = y.flat[::-1] * 1.0
    return y


def augmented_broadcast(x):
    y = np.zeros_like(x)
    y += x[0]
    y -= x[:, :1]
    y *= 2
    y /= 3.0
    return y


def write_and_branch(x):
    y = np.zeros_like(x)
    for i, v in enumerate(x):
        if v > 0:
            y[i] = v**2
        else:
            y[i:] += v
    return y


WRITING = [
    Case(f.__name__.replace("_", "-"), f, x, oracle)
    for f, x, oracle in [
        (write_elements, V, STEP),
        (write_slices, V, STEP),
        (write_broadcast, M, STEP),
        (write_through_view, V, STEP),
        (write_through_view_of_view, V, STEP),
        (write_root_read_view, V, STEP),
        (write_through_transpose, M, STEP),
        (write_through_reshape, M, STEP),
        (write_through_ravel, M, STEP),
        (write_to_flatten, M, STEP),
        (write_through_diagonal, Q, STEP),
        (write_through_newaxis, V, STEP),
        (write_through_swapaxes, T, STEP),
        (write_through_squeeze, V, STEP),
        (write_through_split, V, STEP),
        (write_through_flip, V, STEP),
        (write_through_rows, M, STEP),
        (write_through_unpacked_rows, M, STEP),
        (write_mask, V, DIFF),
        (write_mask_array, M, DIFF),
        (write_mask_rows, M, STEP),
        (write_fancy, V, STEP),
        (write_fancy_duplicates, V, STEP),
        (write_fancy_duplicates_add, V, STEP),
        (write_fancy_2d, M, STEP),
        (write_fancy_separated, T, STEP),
        (write_overlap, V, STEP),
        (write_reversed, V, STEP),
        (write_self_product, V, STEP),
        (write_ellipsis, M, STEP),
        (write_0d, S0, STEP),
        (write_constants, V, STEP),
        (write_list, V, STEP),
        (write_object_array, V, STEP),
        (write_nothing, V, DIFF),
        (copyto_and_friends, V, STEP),
        (put_along, M, STEP),
        (fill_diagonals, Q, STEP),
        (put_modes, V, STEP),
        (flat_writes, M, STEP),
        (augmented_broadcast, M, STEP),
        (write_and_branch, V, DIFF),
    ]
]
