"""The benchmarks' own parts: problems, their forms under other namespaces, the clock's arithmetic.

Oracles: the complex step and extrapolated differences (bench/tools/reference.py), checked here on
closed forms first; Jacobians written by hand; numbers computed on paper.
"""

import benches
import numpy as np
import pytest

import dualmc as dm

with benches.importable():
    from problems import PROBLEMS, Case, handwritten
    from tools import goals, namespaces, reference, timing


def problems(belongs=lambda problem: True):
    return [pytest.param(p, id=name) for name, p in PROBLEMS.items() if belongs(p)]


def has_twin(problem):
    return problem.build(problem.sizes[0]).twin is not None


def relative_error(J, expected):
    """Largest error, in units of the largest entry of each row."""
    size = np.max(np.abs(expected), axis=1, keepdims=True)
    return np.max(np.abs(J - expected) / np.where(size == 0, 1.0, size))


# --- The oracle ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("is_analytic", "tolerance"), [(True, 1e-15), (False, 1e-9)])
def test_reference_agrees_with_a_closed_form(is_analytic, tolerance):
    x = np.array([0.3, 0.7, 1.1])
    case = Case(lambda x: np.exp(x) * x[0], x, is_analytic=is_analytic)
    expected = np.diag(np.exp(x) * x[0])
    expected[:, 0] += np.exp(x)
    assert relative_error(reference.jacobian(case), expected) < tolerance


def test_judge_sees_one_wrong_entry():
    case = PROBLEMS["lorenz96"].build(10)
    judge, J = reference.Judge(case), reference.jacobian(case)
    assert judge.is_right(J)
    J[3, 4] += 1e-6
    assert not judge.is_right(J)


def test_judge_takes_an_infinite_entry_for_wrong():
    case = PROBLEMS["sin_square"].build(3)
    J = reference.jacobian(case)
    J[1, 1] = np.nan
    assert not reference.Judge(case).is_right(J)


# --- The problems --------------------------------------------------------------------------------


@pytest.mark.parametrize("problem", problems())
def test_jacobian_of_every_problem(problem):
    n = problem.sizes[0]
    case = problem.build(n)
    assert case.x.shape == (n,)
    expected = reference.jacobian(case)
    tolerance = 1e-13 if case.is_analytic else reference.DIFFERENCE_TOLERANCE
    for sparse in (False, True):
        J = dm.jacobian_fwd(case.f, case.x, sparse=sparse)
        J = J.toarray() if sparse else np.reshape(J, expected.shape)
        assert relative_error(J, expected) < tolerance


@pytest.mark.parametrize("problem", problems(lambda problem: problem.is_scalar))
def test_gradient_of_every_scalar_problem(problem):
    case = problem.build(problem.sizes[0])
    expected = reference.jacobian(case)
    tolerance = 1e-13 if case.is_analytic else reference.DIFFERENCE_TOLERANCE
    assert np.shape(case.f(case.x)) == ()
    assert relative_error(dm.gradient(case.f, case.x)[None], expected) < tolerance


@pytest.mark.parametrize("problem", problems(has_twin))
def test_twin_is_the_same_function(problem):
    case = problem.build(problem.sizes[0])
    np.testing.assert_allclose(case.twin(case.x), case.f(case.x), rtol=1e-14, atol=1e-14)


def test_pollu_conserves_nitrogen():
    # Atoms of nitrogen per molecule, species by species: what reacts is made again.
    nitrogen = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 2])
    case = PROBLEMS["pollu"].build(20)
    y = np.random.default_rng(0).uniform(0.1, 1.0, 20)
    rates = case.f(y)
    assert abs(nitrogen @ rates) < 1e-12 * np.max(np.abs(rates))


@pytest.mark.parametrize("name", list(handwritten.JACOBIANS))
def test_jacobian_by_hand(name):
    n = PROBLEMS[name].sizes[0]
    case, hand = PROBLEMS[name].build(n), handwritten.JACOBIANS[name](n)
    assert relative_error(hand.matrix(case.x).toarray(), reference.jacobian(case)) < 1e-13


# --- Other namespaces ----------------------------------------------------------------------------


def recording_namespace():
    """NumPy, but with a `sin` of its own, and constants that are lists of what was captured."""
    captured = []

    class Other:
        @staticmethod
        def sin(x):
            return ("sin of the other", x)

        add = "add of the other"

    return namespaces.Namespace(Other, lambda a: captured.append(a) or a.tolist()), captured


def test_under_swaps_np_in_a_copy():
    def f(x):
        return np.sin(x)

    swapped = namespaces.under(f, recording_namespace()[0])
    assert swapped(1.0) == ("sin of the other", 1.0)
    assert f(0.0) == 0.0


def test_under_takes_along_what_f_captured():
    weights, pairs, add = np.array([1.0, 2.0]), [(np.array([3.0]), "name")], np.add

    def inner(x):
        return np.sin(x)

    def f(x):
        return inner(x), weights, pairs, add

    namespace, captured = recording_namespace()
    result = namespaces.under(f, namespace)(5.0)
    assert result == (
        ("sin of the other", 5.0), [1.0, 2.0], [([3.0], "name")], "add of the other"
    )  # fmt: skip
    assert len(captured) == 2


def test_under_follows_functions_that_call_themselves():
    def count(x):
        return np.sin(0) if x == 0 else count(x - 1)

    assert namespaces.under(count, recording_namespace()[0])(3) == ("sin of the other", 0)


# --- The clock's arithmetic ----------------------------------------------------------------------


def test_ratio_pairs_samples_of_the_same_round():
    # A machine ten times slower in the second round changes no ratio.
    ratio = timing.Ratio.of([2.0, 20.0, 3.0, 5.0], [1.0, 10.0, 1.0, 2.0])
    assert (ratio.low, ratio.median, ratio.high) == (2.0, 2.25, 2.625)


def test_ratio_cuts_the_longer_list_of_samples():
    assert timing.Ratio.of([4.0, 4.0, 100.0], [2.0, 2.0]).high == 2.0


def test_interleave_takes_turns_and_turns_round(monkeypatch):
    order = []
    monkeypatch.setattr(timing, "SAMPLE", 0.0)
    calls = {name: lambda name=name: order.append(name) for name in "ab"}
    samples = timing.interleave(calls, rounds=3)
    assert "".join(order) == "aabb" + "ab" + "ba" + "ab"
    assert {name: taken.shape for name, taken in samples.items()} == {"a": (3,), "b": (3,)}


def test_interleave_repeats_fast_calls_and_spares_slow_ones(monkeypatch):
    now = [0.0]
    counts = {"fast": 0, "slow": 0}

    def call(name, took):
        now[0] += took
        counts[name] += 1

    calls = {"fast": lambda: call("fast", 1e-4), "slow": lambda: call("slow", 3.0)}
    samples = timing.interleave(calls, 8, slow=1.0, clock=lambda: now[0])
    assert samples["fast"] == pytest.approx(np.full(8, 1e-4))
    assert samples["slow"] == pytest.approx(np.full(5, 3.0))
    # 2 ms are twenty calls of 0.1 ms, give or take one for rounding; two more calls at the start.
    assert counts["fast"] in (2 + 8 * 20, 2 + 8 * 21)
    assert counts["slow"] == 2 + 5


def test_interleave_keeps_its_budget_but_five_rounds(monkeypatch):
    now = [0.0]

    def call():
        now[0] += 1.0

    for budget, rounds in ((7.5, 7), (1.0, 5), (100.0, 9)):
        taken = timing.interleave({"a": call}, 9, budget, clock=lambda: now[0])["a"]
        assert len(taken) == rounds


def test_geometric_mean():
    assert timing.geometric_mean([1.0, 100.0]) == pytest.approx(10.0)
    assert np.isnan(timing.geometric_mean([]))


@pytest.mark.parametrize(
    ("t", "text"),
    [(2.5e-6, "2.5 us"), (9.999e-4, "1 ms"), (1.2e-2, "12 ms"), (3.0, "3 s")],
)
def test_time_text(t, text):
    assert timing.time_text(t) == text


class Row:
    """A row of a run, as the goals read it."""

    def __init__(self, label, **samples):
        self.label, self.samples = label, {name: np.array([t]) for name, t in samples.items()}


@pytest.mark.parametrize(
    ("times", "mean", "status"),
    [((1.0, 4.0), 2.0, "met"), ((0.9, 9.0), 2.846, "missed"), ((1.1, 1.2), 1.149, "missed")],
)
def test_verdict_holds_the_mean_and_each_to_their_bounds(times, mean, status):
    rows = [Row(f"p:{t}", a=t, b=1.0) for t in times] + [Row("without b", a=1.0)]
    goal = goals.Goal("faster", lambda row: True, "a", "b", 2.0, 1.0, at_least=True)
    verdict = goals.Verdict(goal, goal.found(rows))
    assert verdict.status == status
    assert verdict.mean == pytest.approx(mean, rel=1e-3)
    assert next(iter(verdict.ratios)) == f"p:{times[0]}"  # the worst first


def test_verdict_of_nothing():
    goal = goals.Goal("faster", lambda row: True, "a", "b", 2.0)
    assert goals.Verdict(goal, goal.found([])).status == "not measured"
