"""Rules of scipy.ndimage: by image, weights and places, in every mode, against differences."""

import numpy as np
import pytest
import scipy.ndimage as nd
from kernel_judge import judge

import dualmc as dm

IMAGE = np.sin(np.arange(30.0) ** 1.4)
PLACES = np.array([[0.3, 2.6, 3.9, -0.7, 5.2, 1.45], [0.2, 4.1, 0.7, 2.2, 5.7, -1.3]])
KERNEL = np.array([1.0, 2.0, 3.0, 0.5])
EDGES = ("reflect", "constant", "nearest", "mirror", "wrap")


def square(q):
    return q[:30].reshape(5, 6)


CASES = {
    **{
        f"{name}, {mode}": (lambda q, f=f, mode=mode: f(q, mode), x)
        for mode in EDGES
        for name, f, x in (
            (
                "correlate1d",
                lambda q, mode: nd.correlate1d(square(q), q[30:], 0, None, mode, 0.3, 1),
                [*IMAGE, *KERNEL],
            ),
            (
                "convolve",
                lambda q, mode: nd.convolve(square(q), q[30:].reshape(2, 2), None, mode, 0.3),
                [*IMAGE, *KERNEL],
            ),
            (
                "gaussian_filter",
                lambda q, mode: nd.gaussian_filter(square(q), q[30], 1, mode=mode),
                [*IMAGE, 1.2],
            ),
            ("uniform_filter", lambda q, m: nd.uniform_filter(square(q), (3, 4), mode=m), IMAGE),
            ("maximum_filter", lambda q, m: nd.maximum_filter(square(q), 3, mode=m), IMAGE),
        )
    },
    "sobel": (lambda q: nd.sobel(square(q), 0), IMAGE),
    "prewitt": (lambda q: nd.prewitt(square(q)), IMAGE),
    "laplace": (lambda q: nd.laplace(square(q)), IMAGE),
    "gaussian_laplace": (lambda q: nd.gaussian_laplace(square(q), 1.0), IMAGE),
    "magnitude": (lambda q: nd.gaussian_gradient_magnitude(square(q), 1.0), IMAGE),
    "median": (lambda q: nd.median_filter(square(q), (3, 2)), IMAGE),
    "percentile": (lambda q: nd.percentile_filter(square(q), 30, 3), IMAGE),
    "footprint": (lambda q: nd.minimum_filter(square(q), footprint=[[0, 1], [1, 1]]), IMAGE),
    **{
        f"map_coordinates, {mode}, order {order}": (
            lambda q, mode=mode, order=order: nd.map_coordinates(
                square(q), q[30:].reshape(2, 6), order=order, mode=mode, cval=0.4
            ),
            [*IMAGE, *PLACES.ravel()],
        )
        for mode, order in (
            ("constant", 1), ("nearest", 2), ("mirror", 3), ("reflect", 4), ("wrap", 5),
            ("grid-wrap", 3), ("grid-constant", 3),
        )
    },
    "shift": (lambda q: nd.shift(square(q), q[30:]), [*IMAGE, 0.4, -0.7]),
    "zoom": (lambda q: nd.zoom(square(q), (1.5, 0.7), mode="nearest"), IMAGE),
    "affine": (
        lambda q: nd.affine_transform(square(q), q[30:34].reshape(2, 2), q[34:]),
        [*IMAGE, 0.91, 0.07, -0.21, 1.13, 0.33, 0.24],
    ),
    "rotate": (lambda q: nd.rotate(square(q), q[30], reshape=False), [*IMAGE, 20.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_image(name):
    f, x = CASES[name]
    judge(f, x, rtol=1e-7, second="order 3" in name)


def test_exact_between_elements_of_a_cubic():
    """Between the elements of a line, the derivative by the place is its slope."""
    line = 3.0 * np.arange(8.0)
    J = dm.jacobian_fwd(lambda p: nd.map_coordinates(line, [p], order=1), [1.3, 5.7])
    np.testing.assert_allclose(J, 3.0 * np.eye(2), rtol=1e-14)


def test_sparse_stays_sparse():
    J = dm.jacobian_fwd(lambda x: nd.correlate1d(x, [1.0, 2.0, 1.0]), np.ones(200), sparse=True)
    assert J.nnz <= 600


@pytest.mark.parametrize(
    "f",
    [
        lambda x: nd.gaussian_filter(x, 1.0, output=np.zeros(30)),
        lambda x: nd.generic_filter(x, np.mean, 3),
        lambda x: nd.zoom(x, 2.0, grid_mode=True),
    ],
)
def test_refused(f):
    with pytest.raises((dm.MissingRuleError, dm.TangentLostError)):
        dm.jacobian_fwd(f, IMAGE)
