"""Rules of scipy.spatial.distance: all metrics, in every mode, against differences."""

import numpy as np
import pytest
import scipy.spatial.distance as sd
from kernel_judge import judge

import dualmc as dm

RNG = np.random.default_rng(1)
A, B, W = RNG.random((3, 4)) + 0.1, RNG.random((2, 4)) + 0.1, RNG.random(4) + 0.1
BOTH = np.concatenate([A.ravel(), B.ravel()])
MANY = RNG.random((6, 3))
WEIGHTED = """
    euclidean sqeuclidean cityblock chebyshev canberra braycurtis cosine correlation minkowski
""".split()
OTHERS = ("jensenshannon", "seuclidean", "cheb", "test_cosine")


@pytest.mark.parametrize("metric", [*WEIGHTED, *OTHERS])
def test_all_pairs(metric):
    judge(lambda q: sd.cdist(q[:12].reshape(3, 4), q[12:].reshape(2, 4), metric), BOTH)
    judge(lambda q: sd.pdist(q.reshape(3, 4), metric), A.ravel(), second=False)


@pytest.mark.parametrize("metric", WEIGHTED)
def test_weights(metric):
    def f(q):
        return sd.cdist(q[:12].reshape(3, 4), q[12:20].reshape(2, 4), metric, w=q[20:])

    x = np.concatenate([BOTH, W])
    if metric == "chebyshev":  # weights choose what counts
        judge(lambda q: sd.cdist(q[:8].reshape(2, 4), B, metric, w=[1, 0, 1, 1]), x[:8])
        return
    judge(f, x, second=False)


@pytest.mark.parametrize("metric", [*WEIGHTED, "jensenshannon"])
def test_two_vectors(metric):
    judge(lambda q: getattr(sd, metric)(q[:4], q[4:]), BOTH[:8])


def test_options():
    judge(lambda q: sd.cdist(q.reshape(3, 4), B, "minkowski", p=3), A.ravel())
    judge(lambda q: sd.pdist(q.reshape(6, 3), "mahalanobis"), MANY.ravel(), second=False)
    judge(lambda q: sd.mahalanobis(q[:3], q[3:], np.eye(3) + 0.1), BOTH[:6])
    judge(lambda q: sd.pdist(q.reshape(6, 3), lambda u, v: np.sum((u - v) ** 4)), MANY.ravel(),
          second=False)  # fmt: skip
    judge(lambda q: sd.jensenshannon(q.reshape(3, 4), A[::-1] ** 2, axis=1), A.ravel())
    judge(lambda q: sd.squareform(sd.pdist(q.reshape(6, 3))), MANY.ravel(), second=False)


def test_counts_are_flat():
    J = dm.jacobian_fwd(lambda q: sd.pdist(q.reshape(6, 3), "hamming"), MANY.ravel())
    assert not J.any()


def test_refused():
    with pytest.raises(dm.MissingRuleError, match="minkowski, but not by p"):
        dm.jacobian_fwd(lambda q: sd.minkowski(A[0], A[1], q[0]), [3.0])
