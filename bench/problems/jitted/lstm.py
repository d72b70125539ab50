"""ADBench's LSTM: the loss of a recurrent network that predicts a text, character by character.

The mathematics of microsoft/ADBench (Šrajer, Kukelova, Fitzgibbon 2018,
doi:10.1080/10556788.2018.1435651), whose gates are element by element; the sizes of its instance
l2_c1024: two layers, 1,024 characters of 14 bits, 266 parameters.  Numbers are random with a fixed
seed, as there.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit

BITS = 14
PARAMETERS_PER_LAYER = 8 * BITS


@dataclass(frozen=True)
class Long:
    """f(x, *args) under `@njit`, and in_jax(jnp) as a function of x alone."""

    f: Callable
    x: np.ndarray
    args: tuple
    in_jax: Callable


@njit
def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


@njit
def step(weight, bias, hidden, cell, x):
    """One layer, one character: hidden and cell become the new ones."""
    b = len(x)
    for i in range(b):
        forget = sigmoid(x[i] * weight[i] + bias[i])
        ingate = sigmoid(hidden[i] * weight[b + i] + bias[b + i])
        outgate = sigmoid(x[i] * weight[2 * b + i] + bias[2 * b + i])
        change = np.tanh(hidden[i] * weight[3 * b + i] + bias[3 * b + i])
        cell[i] = cell[i] * forget + ingate * change
        hidden[i] = outgate * np.tanh(cell[i])


@njit
def loss(parameters, start, text):
    """Mean negative logarithm of the likelihood of every next bit.

    parameters: weights and biases of the gates, layer by layer, then the weights of input and
    output and the bias of the output.  start: hidden and cell of every layer.
    """
    characters, b = text.shape
    layers = len(start) // 2
    gates = parameters[: 8 * b * layers].reshape(2 * layers, 4 * b)
    outer = parameters[8 * b * layers :].reshape(3, b)
    state = np.zeros((2 * layers, b))
    for i in range(2 * layers):
        for j in range(b):
            state[i, j] = start[i, j]
    y = np.empty(b)
    total = 0.0
    for t in range(characters - 1):
        x = text[t] * outer[0]
        for layer in range(layers):
            hidden, cell = state[2 * layer], state[2 * layer + 1]
            step(gates[2 * layer], gates[2 * layer + 1], hidden, cell, x)
            x = hidden
        likelihood = 2.0
        for i in range(b):
            y[i] = x[i] * outer[1, i] + outer[2, i]
            likelihood += np.exp(y[i])
        logarithm = np.log(likelihood)
        for i in range(b):
            total += text[t + 1, i] * (y[i] - logarithm)
    return -total / ((characters - 1) * b)


def lstm(characters=1024, layers=2):
    rng = np.random.default_rng(0)
    parameters = rng.random(PARAMETERS_PER_LAYER * layers + 3 * BITS)
    start = rng.random((2 * layers, BITS))
    text = (rng.random((characters, BITS)) < 0.3).astype(float)

    def in_jax(jnp, scanned=True):
        return _in_jax(jnp, start, text, scanned)

    return Long(loss, parameters, (start, text), in_jax)


def _in_jax(jnp, start, text, scanned):
    """As a `scan` over the text, or as a loop, which JAX unrolls."""
    import jax

    characters, b = text.shape
    layers = len(start) // 2

    def f(parameters):
        gates = parameters[: 8 * b * layers].reshape(layers, 2, 4, b)
        outer = parameters[8 * b * layers :].reshape(3, b)

        def one(state, pair):
            now, following = pair
            x, new = now * outer[0], []
            for layer in range(layers):
                hidden, cell = state[layer]
                weight, bias = gates[layer]
                forget = jax.nn.sigmoid(x * weight[0] + bias[0])
                ingate = jax.nn.sigmoid(hidden * weight[1] + bias[1])
                outgate = jax.nn.sigmoid(x * weight[2] + bias[2])
                cell = cell * forget + ingate * jnp.tanh(hidden * weight[3] + bias[3])
                x = outgate * jnp.tanh(cell)
                new.append(jnp.stack([x, cell]))
            y = x * outer[1] + outer[2]
            return jnp.stack(new), jnp.sum(following * (y - jnp.log(2 + jnp.sum(jnp.exp(y)))))

        state = jnp.asarray(start).reshape(layers, 2, b)
        if scanned:
            _, terms = jax.lax.scan(one, state, (jnp.asarray(text[:-1]), jnp.asarray(text[1:])))
            total = jnp.sum(terms)
        else:
            total = 0.0
            for pair in zip(text[:-1], text[1:], strict=True):
                state, term = one(state, pair)
                total = total + term
        return -total / ((characters - 1) * b)

    return f
