"""The compiled loops: what they compute, under which names they are cached, and without a cache.

The partials inside the stamped kernels are checked in `test_rules.py`.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from cases import CASES

from dualmc.kernels import short_kernels, slot_kernels, stamped
from dualmc.rules import table
from dualmc.rules.table import RULES

PACKAGE = pathlib.Path(table.__file__).parents[1]
SEEDS = range(12)


# --- Names and the on-disk cache -----------------------------------------------------------------


def _stamped():
    """A kernel of every rule, argument and variant that has one."""
    for case in CASES:
        function, rule = case.function, RULES[case.function]
        if not rule.kernel or not any(map(callable, rule.partials)):
            continue
        if len(rule.partials) == 1:
            yield stamped.push_one(function, rule.partials[0])
            continue
        yield stamped.push_both(function, rule.partials)
        for argnum in (0, 1):
            if callable(rule.partials[argnum]):
                yield stamped.push_two(function, argnum, rule.partials[argnum])
            if rule.alone is not None:
                yield stamped.push_two(function, argnum, rule.alone[argnum], "alone")


def test_names_tell_kernels_apart_and_carry_the_digest_of_the_rules():
    names = [kernel.py_func.__name__ for kernel in _stamped()]
    digest = hashlib.sha1((PACKAGE / "rules" / "table.py").read_bytes()).hexdigest()[:12]
    assert len(names) > 50
    assert len(set(names)) == len(names)
    assert [name for name in names if not name.endswith(digest)] == []


def test_names_in_the_code_are_the_names_in_the_cache():
    """Numba names its files after ``co_qualname``, not after ``__name__``."""
    for kernel in _stamped():
        assert kernel.py_func.__code__.co_qualname == kernel.py_func.__name__
        assert kernel.py_func.__qualname__ == kernel.py_func.__name__


class Copy:
    """A copy of the package with a cache of its own, run in new processes."""

    def __init__(self, path):
        self.path = path
        self.cache = path / "cache"
        self.env = {"NUMBA_CACHE_DIR": str(self.cache)}
        self.rules = path / "dualmc" / "rules" / "table.py"
        shutil.copytree(PACKAGE, path / "dualmc", ignore=shutil.ignore_patterns("__pycache__"))

    def run(self, code):
        """What `code` prints in a new process that imports the copy."""
        env = {**os.environ, "PYTHONPATH": str(self.path), **self.env}
        done = subprocess.run(
            [sys.executable, "-B", "-W", "error", "-c", textwrap.dedent(code)],
            env=env,
            cwd=self.path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


USE_SIN = """
    import numpy as np
    import dualmc
    from dualmc.kernels import stamped
    from dualmc.rules import table

    x = np.array([0.5, 2.0])
    out = np.empty((1, 2))
    kernel = stamped.push_one(np.sin, table.RULES[np.sin].partials[0])
    kernel(x, np.sin(x), np.ones((1, 2)), out)
    print(out[0, 0] == np.cos(x[0]), out[0, 0] == 3.0 * np.cos(x[0]))
    print(sum(kernel.stats.cache_hits.values()), sum(kernel.stats.cache_misses.values()))
"""


def test_second_process_loads_the_kernel_and_an_edited_rule_compiles_a_new_one(copy):
    assert copy.run(USE_SIN) == ["True", "False", "0", "1"]
    assert copy.run(USE_SIN) == ["True", "False", "1", "0"]
    text = copy.rules.read_text()
    edited = text.replace(
        "np.sin: Rule((lambda x, y: np.cos(x),", "np.sin: Rule((lambda x, y: 3.0 * np.cos(x),"
    )
    assert edited != text
    copy.rules.write_text(edited)
    assert copy.run(USE_SIN) == ["False", "True", "0", "1"]
    assert copy.run(USE_SIN) == ["False", "True", "1", "0"]


def test_an_edited_helper_compiles_a_new_kernel(copy):
    """A partial may be a one-line call of a function that stands elsewhere in the table."""
    code = """
        import numpy as np
        from dualmc.kernels import stamped
        from dualmc.rules import table
        x, out = np.array([0.5]), np.empty((1, 1))
        stamped.push_one(np.tanh, table.RULES[np.tanh].partials[0])(
            x, np.tanh(x), np.ones((1, 1)), out)
        print(round(out[0, 0] * np.cosh(0.5) ** 2, 12))
    """
    assert copy.run(code) == ["1.0"]
    text = copy.rules.read_text()
    edited = text.replace("return 4.0 * e / (", "return 8.0 * e / (")
    assert edited != text
    copy.rules.write_text(edited)
    assert copy.run(code) == ["2.0"]


def test_two_lambdas_on_one_line_do_not_share_an_entry(copy):
    """Numba's key is file, name, line and bytecode; these two differ in a global name only."""
    code = """
        import numpy as np
        from dualmc.kernels import stamped

        def first(): pass
        def second(): pass
        partials = (lambda x, y: np.sin(x), lambda x, y: np.cos(x))

        x, out = np.array([0.5]), np.empty((2, 1, 1))
        for i, function in enumerate((first, second)):
            stamped.push_one(function, partials[i])(x, x, np.ones((1, 1)), out[i])
        print(out[0, 0, 0] == np.sin(0.5), out[1, 0, 0] == np.cos(0.5))
    """
    assert copy.run(code) == ["True", "True"]
    assert copy.run(code) == ["True", "True"]


DERIVATIVE = """
    import numpy as np
    import dualmc as dm
    from dualmc.kernels import stamped
    x = np.linspace(0.1, 2.0, 20)
    J = dm.jacobian_fwd(lambda x: np.tanh(x) * x[::-1], x)
    expected = np.diag(x[::-1] / np.cosh(x) ** 2) + np.diag(np.tanh(x))[:, ::-1]
    print(np.allclose(J, expected, rtol=1e-14, atol=0))
"""


def test_cache_directory_that_cannot_be_made(copy):
    (copy.path / "file").write_text("")
    copy.env["NUMBA_CACHE_DIR"] = str(copy.path / "file" / "below")
    assert copy.run(DERIVATIVE) == ["True"]


def test_no_cache_location_at_all(copy):
    """As in a read-only installation without a home; holds for root, whom no mode stops."""
    (copy.path / "file").write_text("")
    (copy.path / "dualmc" / "__pycache__").write_text("")
    nowhere = str(copy.path / "file" / "below")
    copy.env |= {"NUMBA_CACHE_DIR": nowhere, "XDG_CACHE_HOME": nowhere, "HOME": nowhere}
    assert copy.run(DERIVATIVE) == ["True"]


# --- Products and sums of coefficients -----------------------------------------------------------


def _strong(c, factor):
    """``c * factor`` as Python has it, but 0 for ``c == 0``."""
    return float(c) if c == 0 else float(c) * float(factor)


AWKWARD = np.array([0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan])


def _awkward(rng, shape):
    return rng.choice(AWKWARD, shape)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_push_honours_the_strong_zero_and_steps(dtype):
    """d/da of a**b at a = 0, b = 0.5 is inf; a coefficient of 0 keeps its 0."""
    a = np.array([0.0, 4.0, 0.0], dtype)
    b = np.array([0.5], dtype)
    coef = np.array([[0.0, 1.0, -1.0], [2.0, -0.0, 0.0]], dtype)
    out = np.empty_like(coef)
    partials = RULES[np.power].partials
    stamped.push_two(np.power, 0, partials[0])(a, 1, b, 0, np.power(a, b), coef, out)
    np.testing.assert_array_equal(out, np.array([[0, 0.25, -np.inf], [np.inf, 0, 0]], dtype))
    assert out.dtype == dtype
    both = np.empty_like(coef)
    kernel = stamped.push_both(np.power, partials)
    kernel(a, 1, b, 0, np.power(a, b), coef, np.zeros_like(coef), both)
    np.testing.assert_array_equal(both, out)


@pytest.mark.parametrize("size", [0, 1, 7])
def test_kernels_of_any_number_of_slots(size, rng):
    x = rng.normal(size=size)
    for slots in (0, 1, 3):
        coef = rng.normal(size=(slots, size))
        out = np.empty_like(coef)
        stamped.push_one(np.sin, RULES[np.sin].partials[0])(x, np.sin(x), coef, out)
        np.testing.assert_allclose(out, coef * np.cos(x), rtol=4e-16)


@pytest.mark.parametrize("seed", SEEDS)
def test_multiply(seed):
    rng = np.random.default_rng(seed)
    slots, size = int(rng.integers(0, 4)), int(rng.integers(1, 9))
    coef = _awkward(rng, (slots, size))
    for factor in (_awkward(rng, size), _awkward(rng, 1)):
        wide = np.broadcast_to(factor, size)
        out, constant = np.empty_like(coef), np.empty_like(coef)
        stamped.multiply(coef, factor, out)
        stamped.multiply_constant(coef, factor, constant)
        for s, i in np.ndindex(coef.shape):
            expected = _strong(coef[s, i], wide[i])
            np.testing.assert_equal(abs(out[s, i]), abs(expected))
            expected = 0.0 if wide[i] == 0 else expected
            np.testing.assert_equal(abs(constant[s, i]), abs(expected))


@pytest.mark.parametrize("seed", SEEDS)
def test_scaled_sum(seed):
    rng = np.random.default_rng(seed)
    slots, size = int(rng.integers(0, 4)), int(rng.integers(1, 9))
    a, b = _awkward(rng, (slots, size)), _awkward(rng, (slots, size))
    scale_a, scale_b = _awkward(rng, size), _awkward(rng, size)
    out = np.empty_like(a)
    stamped.scaled_sum(a, scale_a, b, scale_b, out)
    for s, i in np.ndindex(a.shape):
        expected = _strong(a[s, i], scale_a[i]) + _strong(b[s, i], scale_b[i])
        np.testing.assert_array_equal(out[s, i], expected)


# --- Sparse structure against dictionaries -------------------------------------------------------


def _structure(rng, size, columns, width):
    """Slots sorted by column, unused ones last: one dictionary per element, and as arrays."""
    elements = []
    for _ in range(size):
        used = rng.choice(columns, int(rng.integers(0, min(width, columns) + 1)), replace=False)
        elements.append({int(c): float(rng.integers(-4, 5)) for c in sorted(used)})
    return (elements, *_as_slots(elements, width))


def _as_slots(elements, width):
    col = np.full((width, len(elements)), -1, np.int32)
    coef = np.zeros((width, len(elements)))
    for i, element in enumerate(elements):
        for s, (c, value) in enumerate(element.items()):
            col[s, i], coef[s, i] = c, value
    return col, coef


def _sum(*elements):
    total = {}
    for element in elements:
        for c, value in element.items():
            total[c] = total.get(c, 0.0) + value
    return dict(sorted(total.items()))


def _two_structures(seed):
    rng = np.random.default_rng(seed)
    size, columns = int(rng.integers(1, 12)), int(rng.integers(1, 9))
    a = _structure(rng, size, columns, int(rng.integers(0, 6)))
    b = _structure(rng, size, columns, int(rng.integers(0, 6)))
    return rng, columns, a, b


@pytest.mark.parametrize("seed", SEEDS)
def test_unite(seed):
    """Sums, differences and sums of products, element by element and by one row for all."""
    rng, _, (elements_a, col_a, coef_a), (elements_b, col_b, coef_b) = _two_structures(seed)
    united = [_sum(p, q) for p, q in zip(elements_a, elements_b, strict=True)]
    width, size = max(map(len, united)), len(united)
    assert slot_kernels.merged_width(col_a, col_b) == width
    col = np.full((width, size), 99, np.int32)
    each = np.empty((2, width, size), np.int8)
    slot_kernels.merge_positions(col_a, col_b, col, each[0], each[1])
    expected_col, _ = _as_slots(united, width)
    np.testing.assert_array_equal(col, expected_col)
    # Element 0 as the pattern of all, and all others as the exceptions to it, is the same.
    ways = [
        (np.empty((2, 0), np.int32), np.empty(0, np.int64), each),
        (each[:, :, 0].astype(np.int32), np.arange(1, size), np.ascontiguousarray(each[:, :, 1:])),
    ]
    f, g = rng.integers(-3, 4, (2, size)).astype(float)
    for way in ways:
        for p, q in ((1.0, 1.0), (1.0, -1.0), (f, g)):
            scaled = [
                _sum(*({c: v * h for c, v in e.items()} for e, h in zip(pair, hs, strict=True)))
                for pair, hs in zip(
                    zip(elements_a, elements_b, strict=True),
                    np.broadcast_to(np.transpose([p, q]), (size, 2)),
                    strict=True,
                )
            ]
            coef = np.full((width, size), np.nan)
            if p is f:
                slot_kernels.unite_products(coef_a, f, coef_b, g, *way, coef)
            else:
                slot_kernels.unite(coef_a, coef_b, *way, int(q), coef)
            np.testing.assert_array_equal(coef, _as_slots(scaled, width)[1])


def test_unite_products_keeps_strong_zeros():
    coef, factor = np.array([[0.0, 2.0]]), np.array([np.inf, 0.0])
    slots, few = np.zeros((2, 1), np.int32), np.empty(0, np.int64)
    out = np.empty((1, 2))
    for each in (np.empty((2, 1, 0), np.int8), np.zeros((2, 1, 2), np.int8)):
        some = slots if each.shape[2] == 0 else slots[:, :0]
        slot_kernels.unite_products(coef, factor, coef, factor, some, few, each, out)
        np.testing.assert_array_equal(out, [[0.0, 0.0]])
        slot_kernels.unite_products(coef + 1, factor, coef, factor, some, few, each, out)
        np.testing.assert_array_equal(out, [[np.inf, 0.0]])


@pytest.mark.parametrize("seed", SEEDS)
def test_merge_positions(seed):
    _, _, (elements_a, col_a, _), (elements_b, col_b, _) = _two_structures(seed)
    width = slot_kernels.merged_width(col_a, col_b)
    col = np.empty((width, col_a.shape[1]), np.int32)
    from_a, from_b = np.empty_like(col), np.empty_like(col)
    slot_kernels.merge_positions(col_a, col_b, col, from_a, from_b)
    for i, (p, q) in enumerate(zip(elements_a, elements_b, strict=True)):
        united = sorted({*p, *q}) + [-1] * (width - len({*p, *q}))
        assert col[:, i].tolist() == united
        for found, side in ((from_a, list(p)), (from_b, list(q))):
            assert found[:, i].tolist() == [side.index(c) if c in side else -1 for c in united]


@pytest.mark.parametrize("seed", SEEDS)
def test_is_same_structure(seed):
    _, _, (_, col_a, _), (_, col_b, _) = _two_structures(seed)
    assert slot_kernels.is_same_structure(col_a, col_a.copy())
    rows = min(col_a.shape[0], col_b.shape[0])
    a, b = col_a[:rows], col_b[:rows]
    assert slot_kernels.is_same_structure(a, b) == np.array_equal(a, b)


@pytest.mark.parametrize("seed", SEEDS)
def test_pattern_exceptions(seed):
    """Elements whose union is not the given interleaving, in order of their number."""
    _, _, (elements_a, col_a, _), (elements_b, col_b, _) = _two_structures(seed)
    p, q = list(elements_a[0]), list(elements_b[0])
    pattern = sorted({*p, *q})
    from_a = np.array([p.index(c) if c in p else -1 for c in pattern], np.int32)
    from_b = np.array([q.index(c) if c in q else -1 for c in pattern], np.int32)
    expected = []
    for i in range(col_a.shape[1]):
        pairs = [
            {int(col[slot, i]) for slot, col in ((s, col_a), (t, col_b)) if slot >= 0}
            for s, t in zip(from_a, from_b, strict=True)
        ]
        joined = [c for pair in pairs for c in pair]
        if any(len(pair) > 1 for pair in pairs) or joined != sorted({*joined} - {-1}):
            expected.append(i)
    room = np.empty(len(expected), np.int64)
    assert slot_kernels.pattern_exceptions(col_a, col_b, from_a, from_b, room) == len(expected)
    assert room.tolist() == expected
    if expected:
        few = np.empty(len(expected) - 1, np.int64)
        found = slot_kernels.pattern_exceptions(col_a, col_b, from_a, from_b, few)
        assert found == len(expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_slot_order_and_compact(seed):
    """Slots in any order, columns repeated, unused ones anywhere."""
    rng = np.random.default_rng(seed)
    slots, size, columns = (int(n) for n in rng.integers(1, 9, 3))
    col = rng.integers(-1, columns, (slots, size)).astype(np.int32)
    coef = np.where(col < 0, 0.0, rng.integers(-4, 5, col.shape))
    elements = [
        _sum(*({int(c): v} for c, v in zip(col[:, i], coef[:, i], strict=True) if c >= 0))
        for i in range(size)
    ]
    order, target = np.empty_like(col), np.empty_like(col)
    width = slot_kernels.slot_order(col, order, target)
    assert width == max(map(len, elements))
    assert np.array_equal(np.sort(order, axis=0), np.repeat(np.arange(slots)[:, None], size, 1))
    col_out = np.full((width, size), 99, np.int32)
    coef_out = np.full((width, size), np.nan)
    slot_kernels.compact_columns(col, order, target, col_out)
    slot_kernels.compact(coef, order, target, coef_out)
    expected_col, expected_coef = _as_slots(elements, width)
    np.testing.assert_array_equal(col_out, expected_col)
    np.testing.assert_array_equal(coef_out, expected_coef)


@pytest.mark.parametrize("seed", SEEDS)
def test_scatter_dense_and_scatter_middle(seed):
    _, columns, (elements, col, coef), _ = _two_structures(seed)
    size = len(elements)
    block, sums = np.zeros((columns, size)), np.zeros((columns, size // 2, 1))
    slot_kernels.scatter_dense(col, coef, block)
    pairs = (len(col), size // 2, 2, 1)
    even = [np.ascontiguousarray(a[:, : size // 2 * 2]).reshape(pairs) for a in (col, coef)]
    short_kernels.scatter_middle(*even, sums)
    expected = np.array([[element.get(c, 0.0) for element in elements] for c in range(columns)])
    np.testing.assert_array_equal(block, expected)
    for i in range(size // 2):
        pair = expected[:, 2 * i : 2 * i + 2].sum(axis=1)
        np.testing.assert_allclose(sums[:, i, 0], pair, rtol=1e-15)


@pytest.mark.parametrize("seed", SEEDS)
def test_scatter_product(seed):
    """Rows of `i` times a matrix: ``sum_j dense[c, i, j] * matrix[j, r]``."""
    rng = np.random.default_rng(seed)
    rows, inner, outer, columns = (int(n) for n in rng.integers(1, 5, 4))
    elements, col, coef = _structure(rng, rows * inner, columns, 3)
    matrix = rng.integers(-3, 4, (inner, outer)).astype(float)
    dense = np.array([[element.get(c, 0.0) for element in elements] for c in range(columns)])
    expected = dense.reshape(columns, rows, inner) @ matrix
    for is_constant in (True, False):
        block = np.zeros((columns, rows, outer))
        shape = (3, rows, inner)
        slot_kernels.scatter_product(
            col.reshape(shape), coef.reshape(shape), matrix, block, is_constant
        )
        np.testing.assert_array_equal(block, expected)


def test_scatter_product_of_zeros_and_infinities():
    """0 * inf is 0 for a coefficient that is 0, and for an entry of a constant matrix that is."""
    col = np.array([[[0, 1]]], np.int32)
    matrix = np.array([[0.0, np.inf], [np.nan, 2.0]])
    for coef, is_constant, expected in [
        ([0.0, 1.0], True, [[0, 0], [np.nan, 2]]),
        ([1.0, 0.0], False, [[0, np.inf], [0, 0]]),
        ([np.inf, 0.0], True, [[0, np.inf], [0, 0]]),
        ([np.inf, 0.0], False, [[np.nan, np.inf], [0, 0]]),
    ]:
        block = np.zeros((2, 1, 2))
        slot_kernels.scatter_product(col, np.array([[coef]]), matrix, block, is_constant)
        np.testing.assert_array_equal(block[:, 0], expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_take_rows(seed):
    rng, _, (elements, col, coef), _ = _two_structures(seed)
    index = rng.integers(-1, len(elements), 7)
    taken = [elements[i] if i >= 0 else {} for i in index]
    col_out = np.full((col.shape[0], 7), 99, np.int32)
    coef_out = np.full(col_out.shape, np.nan)
    slot_kernels.take_rows(col, index, -1, col_out)
    slot_kernels.take_rows(coef, index, 0, coef_out)
    expected_col, expected_coef = _as_slots(taken, col.shape[0])
    np.testing.assert_array_equal(col_out, expected_col)
    np.testing.assert_array_equal(coef_out, expected_coef)


@pytest.mark.parametrize("seed", SEEDS)
def test_count_rows_and_fill_csr(seed):
    _, _, (elements, col, coef), _ = _two_structures(seed)
    indptr = np.zeros(len(elements) + 1, np.int64)
    slot_kernels.count_rows(col, indptr)
    assert indptr.tolist() == [0, *np.cumsum([len(element) for element in elements]).tolist()]
    indices, data = np.full(indptr[-1], 99, np.int64), np.full(indptr[-1], np.nan)
    slot_kernels.fill_csr(col, col, indptr, indices)
    slot_kernels.fill_csr(col, coef, indptr, data)
    assert indices.tolist() == [c for element in elements for c in element]
    assert data.tolist() == [value for element in elements for value in element.values()]


@pytest.mark.parametrize("width", [0, 1, 3])
@pytest.mark.parametrize("size", [0, 1, slot_kernels.BLOCK, 3 * slot_kernels.BLOCK + 7])
@pytest.mark.parametrize("missing", [0, 1, 5])
def test_rows_of_blocks_that_are_full_and_of_others(rng, width, size, missing):
    """By SciPy's rules: row i holds the used slots of element i, in their order."""
    col = np.tile(np.arange(width, dtype=np.int32)[:, None], (1, size))
    coef = rng.standard_normal((width, size))
    for i in rng.integers(0, size, missing) if size else ():
        col[rng.integers(0, width + 1) :, i] = -1
    indptr = np.full(size + 1, 77, np.int32)
    slot_kernels.count_rows(col, indptr)
    used = col.T >= 0
    assert np.array_equal(indptr, [0, *np.cumsum(used.sum(axis=1))])
    indices, data = np.full(indptr[-1], 99, np.int32), np.full(indptr[-1], np.nan)
    slot_kernels.fill_csr(col, col, indptr, indices)
    slot_kernels.fill_csr(col, coef, indptr, data)
    assert np.array_equal(indices, col.T[used])
    assert np.array_equal(data, coef.T[used])
