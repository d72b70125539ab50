"""Objects that store what they compute are differentiated, and left as plain calls leave them."""

import copy
import doctest
import pathlib
import warnings

import numpy as np
import pytest
from stored_models import MODELS, Decay

import dualmc as dm


def prepared(f, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that f has effects is no news
        return dm.prepare(f, x)(x)


VERBS = {
    "jacobian_fwd": dm.jacobian_fwd,
    "chunks": lambda f, x: dm.jacobian_fwd(f, x, chunk_size=1),
    "sparse": lambda f, x: dm.jacobian_fwd(f, x, sparse=True).toarray(),
    "jacobian_rev": dm.jacobian_rev,
    "jvp": lambda f, x: np.stack([dm.jvp(f, (x,), (e,))[1] for e in np.eye(x.size)], axis=-1),
    "gradient": lambda f, x: np.stack(
        [dm.gradient(lambda x: f(x)[i], x) for i in range(np.size(f(x)))]  # noqa: B023
    ),
    "prepare": prepared,
}


def plain(a):
    """Whatever is stored, as it reads: containers with arrays in the places of arrays."""
    if isinstance(a, dict):
        return {key: plain(value) for key, value in a.items()}
    if isinstance(a, (list, tuple)):
        return [plain(item) for item in a]
    slots = getattr(type(a), "__slots__", ())
    if hasattr(a, "__dict__") or slots and type(a).__module__ == "stored_models":
        return plain({name: getattr(a, name) for name in [*getattr(a, "__dict__", ()), *slots]})
    return np.asarray(a)


def check_same(expected, actual):
    assert type(expected) is type(actual)
    if isinstance(expected, dict):
        assert list(expected) == list(actual)
        expected, actual = list(expected.values()), list(actual.values())
    if isinstance(expected, list):
        for a, b in zip(expected, actual, strict=True):
            check_same(a, b)
    else:
        assert expected.dtype == actual.dtype != object
        np.testing.assert_allclose(actual, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("Model", MODELS)
def test_the_jacobian_is_that_written_by_hand(Model, verb):
    model, x = Model(), Model.point
    value = np.array(model.value(x.copy()))
    expected = model.jacobian(x)
    scale = np.abs(expected).max()
    for _ in range(2):
        J = VERBS[verb](model.value, x)
        np.testing.assert_allclose(J, expected, rtol=1e-12, atol=1e-14 * scale)
        np.testing.assert_array_equal(model.value(x.copy()), value)
    np.testing.assert_allclose(
        VERBS[verb](model.value, 1.1 * x), model.jacobian(1.1 * x), rtol=1e-12, atol=1e-14 * scale
    )


@pytest.mark.parametrize("verb", ["jacobian_fwd", "jacobian_rev", "jvp"])
@pytest.mark.parametrize("Model", MODELS)
def test_what_is_stored_reads_as_after_a_plain_call(Model, verb):
    x, model, other = Model.point, Model(), Model()
    J = VERBS[verb](model.value, x)
    for _ in range(x.size if verb == "jvp" else 1):
        other.value(x.copy())
    check_same(plain(other), plain(model))
    check_same(plain(other), plain(copy.deepcopy(model)))
    again = VERBS[verb](copy.deepcopy(model).value, x)
    np.testing.assert_array_equal(again, J)


@pytest.mark.parametrize("Model", MODELS)
def test_a_call_that_fails_leaves_what_reads_as_plain(Model):
    """f may have been called once more, to see whether it fails on plain numbers."""
    x, model = Model.point, Model()

    def f(x):
        if np.array_equal(model.value(x), x[:0]):
            return x
        raise RuntimeError("on purpose")

    for call in (dm.jacobian_fwd, dm.jacobian_rev):
        with pytest.raises(RuntimeError, match="on purpose"):
            call(f, x)
        check_same(plain(copy.deepcopy(model)), plain(model))
        np.testing.assert_array_equal(model.value(x.copy()), Model().value(x.copy()))


def test_a_fit_of_levenberg_and_marquardt():
    """With the derivative of dualmc it takes the steps that it takes with that by hand."""

    def fit(jacobian_of):
        model, x, damping = Decay(), Decay.point.copy(), 1e-2
        for _ in range(30):
            J = jacobian_of(model, x)
            r = np.asarray(model.last_residual)
            new = x - np.linalg.solve(J.T @ J + damping * np.eye(x.size), J.T @ r)
            before = np.linalg.norm(model.last_residual)
            if np.linalg.norm(model.value(new)) < before:
                x, damping = new, damping / 3
            else:
                damping *= 4
        return x

    def by_hand(model, x):
        model.value(x)
        return model.jacobian(x)

    for verb in (dm.jacobian_fwd, dm.jacobian_rev):
        found = fit(lambda model, x, verb=verb: verb(model.value, x))
        np.testing.assert_allclose(found, fit(by_hand), rtol=1e-9)
        np.testing.assert_allclose(found, [1.8, 0.9, 0.6, 0.15], rtol=1e-6)


def test_the_page_about_it():
    page = pathlib.Path(__file__).parents[2] / "docs" / "stored.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert (0, True) == (failed, tried > 4)
