"""What is refused is refused in words that name the cause and the cure."""

import abc
import collections
import ctypes
import math

import numba
import numpy as np
import pytest

import dualmc as dm

X = np.array([2.0, 3.0])


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = a

    def sine(self):
        return math.sin(self.a)


class Tuple(collections.namedtuple("Tuple", "a")):
    def sine(self):
        return math.sin(self.a)


class Inner:
    def sine(self, x):
        return math.sin(x)


class Outer:
    inner = Inner()


class Abstract(abc.ABC):
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = a

    @abc.abstractmethod
    def sine(self): ...


class Concrete(Abstract):
    def sine(self):
        return math.sin(self.a)


outer = Outer()
table = {"sine": math.sin, "objects": [Inner()]}


@numba.vectorize
def sine(x):
    return math.sin(x)


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda x: Slotted(x).sine(), "Slotted.sine runs as it is, since Slotted has __slots__"),
        (lambda x: Concrete(x).sine(), "Concrete.sine runs as it is, since Concrete has __slots__"),
        (lambda x: Tuple(x).sine(), "Tuple.sine runs as it is"),
        (lambda x: outer.inner.sine(x), "Inner.sine runs as it is"),
        (lambda x: table["objects"][0].sine(x), "Inner.sine runs as it is"),
        (lambda x: table["sine"](x), "custom_jvp"),
        (lambda x: ctypes.c_double(x).value, "@dualmc.custom_jvp"),
        (lambda x: sine(x), "made by numba.vectorize. Call the Python function"),
    ],
)
def test_cause_and_cure(f, said):
    """Either it works, or the message says why not."""
    for go in (dm.derivative, dm.jacobian_rev):
        try:
            found = go(f, 1.5)
        except (dm.TangentLostError, dm.MissingRuleError) as error:
            assert said in str(error) and __file__ in str(error)
        else:
            assert float(found) == pytest.approx(math.cos(1.5))


def test_adapted_code_is_not_said_to_run_as_it_is():
    def f(x):
        return ctypes.c_double(x).value

    with pytest.raises(dm.TangentLostError) as caught:
        dm.derivative(f, 1.5)
    assert "runs as it is" not in str(caught.value)


def test_a_dense_jacobian_that_does_not_fit():
    x = np.ones(10**6)
    with pytest.raises(MemoryError, match="Use sparse=True"):
        dm.jacobian_fwd(lambda x: x**2, x)
    J = dm.jacobian_fwd(lambda x: x**2, x, sparse=True)
    assert J.nnz == 10**6


def test_the_advice_is_in_the_text_of_the_error():
    signal = pytest.importorskip("scipy.signal")
    try:
        dm.jacobian_fwd(lambda x: signal.lfilter([1.0, 0.5], [1.0, 0.2], x), np.ones(4))
    except Exception as error:
        assert "custom_jvp" in str(error) and __file__ in str(error)


CALLS = {
    "jacobian_fwd": (X,), "value_and_jacobian_fwd": (X,), "jacobian_rev": (X,),
    "value_and_jacobian_rev": (X,), "gradient": (X,), "value_and_gradient": (X,), "vjp": (X,),
    "hessian": (X,), "jvp": (X, X), "hvp": (X, X), "derivative": (2.0,), "prepare": (X,),
    "check_jacobian": (X,), "compare": (X,), "explain": (X,),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_keyword_arguments_of_f(name):
    def f(x, scale=1.0):
        return np.sum(x * scale)

    with pytest.raises(
        TypeError, match=rf"{name}\(\) got an unexpected keyword argument 'scale'\. .*partial\(f, "
    ):
        getattr(dm, name)(f, *CALLS[name], scale=2.0)


def test_options_of_other_calls():
    """An option that this call has not, and others have; and the name of it elsewhere."""
    with pytest.raises(TypeError, match=r"'argnums'\. jacobian_fwd, .* and hessian have it"):
        dm.derivative(np.sin, 1.0, argnums=0)
    with pytest.raises(TypeError, match=r"'layout'\. jacobian_fwd and jacobian_rev have it\."):
        dm.gradient(np.sum, X, layout="denominator")
    with pytest.raises(TypeError, match=r"'wrt'\. Did you mean argnums\?"):
        dm.jacobian_fwd(np.sin, X, wrt=0)


@pytest.mark.parametrize("name", CALLS)
def test_arguments_of_f_as_other_libraries_take_them(name):
    verb = getattr(dm, name)
    with pytest.raises(TypeError, match=rf"{name}\(\) got .*'kwargs'.*partial\(f, \*\*kwargs\)"):
        verb(np.sum, *CALLS[name], kwargs={"axis": 0})
    with pytest.raises(TypeError, match=rf"arguments of f follow: {name}\(f, x, \*args\)"):
        verb(np.sum, *CALLS[name], args=(2.0,))


def test_a_misspelt_option():
    with pytest.raises(TypeError, match=r"'chunksize'\. Did you mean chunk_size\?"):
        dm.jacobian_fwd(np.sin, X, chunksize=1)
