"""Programs, indices and sequences of views and writes that Hypothesis draws."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst


def squash(v):
    """Into [1, 2], where every function below is analytic; its own slope is never tiny for long."""
    return 1.5 + 0.5 * np.sin(v)


def half_swapped(v):
    h = len(v) // 2
    return np.concatenate([v[h:], 2.0 * v[:h]])


def written(v):
    y = v * 1.0
    y[1:] = y[:-1] * v[1:]
    y[0] += v[-1]
    return y


def written_mask(v):
    y = np.zeros_like(v)
    y[::2] = v[::2] ** 2
    y[1::2] = v[0]
    return y


def looped(v):
    y = np.empty_like(v)
    y[0] = v[-1]
    for i in range(1, len(v)):
        y[i] = v[i] * np.sin(y[i - 1])
    return y


def multiplied(v):
    A = np.random.default_rng(len(v)).normal(size=(len(v), len(v))) / len(v)
    return A @ v


def multiplied_left(v):
    A = np.random.default_rng(len(v) + 1).normal(size=(len(v), len(v))) / len(v)
    return v @ A


UNARY = {
    "sin": np.sin,
    "cos": np.cos,
    "tan": lambda v: np.tan(0.5 * v),
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "square": np.square,
    "reciprocal": np.reciprocal,
    "negative": np.negative,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "arcsin": lambda v: np.arcsin(0.4 * v),
    "arccos": lambda v: np.arccos(0.4 * v),
    "arctan": np.arctan,
    "arcsinh": np.arcsinh,
    "arccosh": lambda v: np.arccosh(1.0 + v),
    "arctanh": lambda v: np.arctanh(0.4 * v),
    "sinc": np.sinc,
    "power 3": lambda v: v**3,
    "power -1.5": lambda v: v**-1.5,
    "power of 2": lambda v: 2.0**v,
}


STRUCTURAL = {
    "reverse": lambda v: v[::-1],
    "roll": lambda v: np.roll(v, 1),
    "take": lambda v: v[np.arange(len(v)) // 2],
    "permute": lambda v: v[np.argsort(np.cos(np.arange(len(v))))],
    "difference": lambda v: np.concatenate([v[:1], np.diff(v)]),
    "half swapped": half_swapped,
    "pad": lambda v: np.pad(v[1:], (0, 1)),
    "where": lambda v: np.where(np.arange(len(v)) % 3 == 0, v, 1.3),
    "transposed": lambda v: np.stack([v, v * v]).T.sum(axis=1),
    "written": written,
    "written mask": written_mask,
    "looped": looped,
    "matmul": multiplied,
    "matmul left": multiplied_left,
    "cumsum": lambda v: np.cumsum(v) / len(v),
    "cumprod": lambda v: np.cumprod(0.6 * v),
    "sum": lambda v: v * np.sum(v) / len(v),
    "mean": lambda v: v - np.mean(v),
    "prod": lambda v: v + np.prod(0.7 * v),
    "dot": lambda v: v * (v @ v[::-1]) / len(v),
    "outer": lambda v: np.outer(v, v).sum(axis=0) / len(v),
    "convolve": lambda v: np.convolve(v, [0.5, -1.0, 0.25], mode="same"),
    "einsum": lambda v: np.einsum("i,j,j->i", v, v, np.cos(np.arange(len(v)))) / len(v),
    "element": lambda v: v * v[0] + v[-1],
}


BINARY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": np.power,
    "where": lambda v, w: np.where(np.arange(len(v)) % 2 == 0, v, w),
    "stack": lambda v, w: np.stack([v, w]).prod(axis=0),
    "concatenate": lambda v, w: np.concatenate([v, w])[1 : len(v) + 1],
    "dot": lambda v, w: v * np.dot(v, w) / len(v),
    "outer": lambda v, w: np.cos(np.add.outer(v, w)).sum(axis=1) / len(v),
    "assign": lambda v, w: assigned(v, w),
}


ENDINGS = {
    "vector": lambda v: v,
    "sum": np.sum,
    "prod": np.prod,
    "element": lambda v: v[1],
    "list": lambda v: [v[0] * v[1], v[-1]],
    "outer": lambda v: np.outer(v[:2], v[1:4]),
}


def assigned(v, w):
    y = v * 1.0
    y[1] = w[0] * v[0]
    y[2:] *= w[2:]
    return y


def steps():
    position = st.integers(0, 5)
    return st.one_of(
        st.tuples(st.sampled_from(sorted(UNARY)), position),
        st.tuples(st.sampled_from(sorted(STRUCTURAL)), position),
        st.tuples(st.sampled_from(sorted(BINARY)), position, position),
    )


programs = st.tuples(st.lists(steps(), min_size=1, max_size=8), st.sampled_from(sorted(ENDINGS)))


def run(program, x):
    """Each step reads two of the values so far (counted back from the last), squashed."""
    body, ending = program
    values = [x]
    for name, *operands in body:
        arguments = [squash(values[-1 - p % len(values)]) for p in operands]
        table = BINARY if len(operands) == 2 else UNARY if name in UNARY else STRUCTURAL
        values.append(table[name](*arguments))
    return ENDINGS[ending](values[-1])


def points(n):
    return st.lists(st.floats(-2.0, 2.0), min_size=n, max_size=n).map(np.array)


def keys(shape):
    basic = npst.basic_indices(shape, allow_newaxis=True)
    length = st.integers(0, 3)
    advanced = npst.integer_array_indices(
        shape, result_shape=npst.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3)
    )
    mask = npst.arrays(bool, shape)
    first_axis = length.flatmap(
        lambda k: st.lists(st.integers(-shape[0], shape[0] - 1), min_size=k, max_size=k)
    )
    row_mask = st.lists(st.booleans(), min_size=shape[0], max_size=shape[0])
    last_axis = st.lists(st.integers(-shape[-1], shape[-1] - 1), max_size=3).map(
        lambda k: (..., np.array(k, int))
    )
    mixed = st.tuples(
        st.integers(-shape[0], shape[0] - 1),
        *(st.slices(s) for s in shape[1:-1]),
        st.lists(st.integers(-shape[-1], shape[-1] - 1), min_size=1, max_size=3),
    )
    candidates = [basic, advanced, mask, first_axis, row_mask, last_axis]
    return st.one_of(*candidates, mixed) if len(shape) > 1 else st.one_of(*candidates)


arrays_and_keys = st.sampled_from([(3,), (2, 3), (2, 2, 3), (5, 4), (3, 1, 2)]).flatmap(
    lambda shape: st.tuples(st.just(shape), keys(shape))
)


VIEWS = {
    "tail": lambda a: a[1:],
    "head": lambda a: a[:2],
    "reversed": lambda a: a[::-1],
    "step": lambda a: a[::2],
    "last axis": lambda a: a[..., 1:],
    "column": lambda a: a[..., -1:],
    "first": lambda a: a[0:1],
    "row": lambda a: a[0] if a.ndim > 1 else a,
    "transpose": lambda a: a.T,
    "newaxis": lambda a: a[None],
    "ravel": lambda a: a.ravel(),
    "reshape": lambda a: a.reshape(-1),
    "swapaxes": lambda a: np.swapaxes(a, 0, -1),
    "flip": np.flip,
    "expand": lambda a: np.expand_dims(a, -1),
    "squeeze": np.squeeze,
    "copy": lambda a: a.copy(),
    "fancy": lambda a: a[[0, -1, 0]],
    "mask": lambda a: a[np.arange(len(a)) % 2 == 0],
    "result": lambda a: 0.5 * np.sin(a) + 1.0,
    "same": lambda a: a,
    "ellipsis": lambda a: a[...],
}


def write_first(a, v):
    a[0] = v


def write_corner(a, v):
    a[(-1,) * a.ndim] = v * a[(0,) * a.ndim]


def write_all(a, v):
    a[...] = v


def scale_some(a, v):
    a[::2] *= v


def add_all(a, v):
    a += v


def write_reversed(a, v):
    a[:] = 0.5 * a[::-1] * v


def shift(a, v):
    a[1:] = a[:-1]


def write_fancy(a, v):
    a[[0, -1]] = v


def add_fancy(a, v):
    a[[0, 0]] += v


def write_mask(a, v):
    a[np.arange(len(a)) % 2 == 1] = v


def square_in_place(a, v):
    a *= a
    a *= 0.5


def swap_ends(a, v):
    a[0], a[-1] = a[-1].copy(), a[0].copy()


def write_sine(a, v):
    np.sin(a, out=a)


def copyto(a, v):
    np.copyto(a, v, where=np.arange(a.shape[-1]) % 2 == 0)


def write_constant(a, v):
    a[:1] = 1.25


def fill(a, v):
    a.fill(v)


WRITES = [
    write_first,
    write_corner,
    write_all,
    scale_some,
    add_all,
    write_reversed,
    shift,
    write_fancy,
    add_fancy,
    write_mask,
    square_in_place,
    swap_ends,
    write_sine,
    copyto,
    write_constant,
    fill,
]


actions = st.one_of(
    st.tuples(st.sampled_from(sorted(VIEWS)), st.integers(0, 7)),
    st.tuples(st.sampled_from(WRITES), st.integers(0, 7), st.integers(0, 7), st.integers(0, 50)),
)


def play(steps, x):
    """Take views of views and write through them; all that is left is returned."""
    pool = [x, 1.5 * x]
    for step in steps:
        a = pool[step[1] % len(pool)]
        if len(step) == 2:
            taken = VIEWS[step[0]](a)
            if taken.ndim and taken.ndim < 5 and taken.size:
                pool.append(taken)
        else:
            write, _, source, position = step
            source = pool[source % len(pool)]
            index = np.unravel_index(position % source.size, source.shape)
            write(a, squash(source[index]))
    return np.concatenate([a.reshape(-1) for a in pool])
