"""Problems whose outputs read all inputs, or most: products of matrices, pairs, full reductions.

Sources: the neuron's loss of Parr and Howard, arXiv:1802.01528; Hochreiter and Schmidhuber (1997)
with forget gates; attention, arXiv:1706.03762; the likelihood of a Gaussian process, Rasmussen and
Williams (2006), equation 5.8.
"""

import numpy as np

from problems.problem import Case, problem


def normal(rng, *shape):
    """A random matrix that keeps the size of the vectors it is multiplied by."""
    return rng.standard_normal(shape) / np.sqrt(shape[-1])


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


# --- Physics -------------------------------------------------------------------------------------


@problem("dense", (12, 120, 1200))
def n_body(n):
    """Softened gravity between n / 4 bodies in the plane."""
    bodies = n // 4
    mass = 1.0 + 0.5 * np.sin(np.arange(bodies))

    def f(state):
        place = state[: 2 * bodies].reshape(bodies, 2)
        away = place[None, :, :] - place[:, None, :]
        squared = np.sum(away**2, axis=-1) + 0.01
        pull = (mass / squared**1.5)[:, :, None] * away
        return np.concatenate([state[2 * bodies :], np.sum(pull, axis=1).reshape(-1)])

    return Case(f, 2.0 * np.cos(0.7 * np.arange(n) ** 1.1))


@problem("dense", (3, 10, 100, 1000))
def robot_arm(n):
    """Where the joints of an arm in the plane are, by the angles between its n links."""
    length = 1.0 / np.arange(1.0, n + 1)

    def f(angles):
        heading = np.cumsum(angles)
        x, y = np.cumsum(length * np.cos(heading)), np.cumsum(length * np.sin(heading))
        return np.concatenate([x, y])

    return Case(f, 0.6 * np.sin(np.arange(1.0, n + 1)))


@problem("dense", (4, 10, 100))
def lotka_volterra(n):
    """Twenty steps of the classic Runge-Kutta rule for n competing species."""
    rng = np.random.default_rng(4)
    growth = rng.uniform(0.5, 1.5, n)
    between = rng.uniform(-0.5, 0.5, (n, n)) / n - np.eye(n)

    def rate(x):
        return x * (growth + between @ x)

    def f(x):
        h = 0.05
        for _ in range(20):
            k1 = rate(x)
            k2 = rate(x + h / 2 * k1)
            k3 = rate(x + h / 2 * k2)
            k4 = rate(x + h * k3)
            x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return x

    return Case(f, rng.uniform(0.3, 1.2, n))


# --- Networks ------------------------------------------------------------------------------------


@problem("dense", (3, 10, 100, 1000), is_scalar=True)
def neuron_loss(n):
    """Mean squared error of one rectified neuron over 50 samples, by n - 1 weights and its bias."""
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((50, n - 1)), rng.standard_normal(50)

    def f(p):
        w, b = p[:-1], p[-1]
        return np.mean((y - np.maximum(0.0, X @ w + b)) ** 2)

    return Case(f, np.append(rng.standard_normal(n - 1) / np.sqrt(n), 0.1))


@problem("dense", (10, 100, 1000))
def mlp_input(n):
    """Ten outputs of two hidden layers of 64, by the input."""
    rng = np.random.default_rng(11)
    W1, W2, W3 = normal(rng, 64, n), normal(rng, 64, 64), normal(rng, 10, 64)
    b1, b2, b3 = (0.1 * rng.standard_normal(size) for size in (64, 64, 10))

    def f(x):
        hidden = np.tanh(W1 @ x + b1)
        hidden = np.tanh(W2 @ hidden + b2)
        return W3 @ hidden + b3

    return Case(f, rng.standard_normal(n))


@problem("dense", (10, 100, 512))
def mlp_square(n):
    """Three layers, all n wide, by the input."""
    rng = np.random.default_rng(12)
    layers = [(normal(rng, n, n), 0.1 * rng.standard_normal(n)) for _ in range(3)]

    def f(x):
        for W, b in layers:
            x = np.tanh(W @ x + b)
        return x

    return Case(f, rng.standard_normal(n))


@problem("dense", (11, 99, 963))
def mlp_weights(n):
    """Residuals of 4 inputs, (n - 3) / 8 hidden units, 3 outputs, over 20 samples, by weights."""
    hidden = (n - 3) // 8
    rng = np.random.default_rng(13)
    X, Y = rng.standard_normal((20, 4)), rng.standard_normal((20, 3))

    def f(p):
        W1 = p[: 4 * hidden].reshape(4, hidden)
        b1 = p[4 * hidden : 5 * hidden]
        W2 = p[5 * hidden : 8 * hidden].reshape(hidden, 3)
        b2 = p[8 * hidden :]
        return (np.tanh(X @ W1 + b1) @ W2 + b2 - Y).reshape(-1)

    return Case(f, 0.5 * rng.standard_normal(n))


@problem("dense", (9, 90, 600))
def lstm_cell(n):
    """One step of a cell: input, output and memory of n / 3 numbers each, to the next two."""
    width = n // 3
    rng = np.random.default_rng(17)
    W, b = normal(rng, 4 * width, 2 * width), 0.1 * rng.standard_normal(4 * width)

    def f(state):
        x, h, memory = np.split(state, 3)
        gates = W @ np.concatenate([x, h]) + b
        enter, forget, leave, new = np.split(gates, 4)
        memory = sigmoid(forget) * memory + sigmoid(enter) * np.tanh(new)
        return np.concatenate([sigmoid(leave) * np.tanh(memory), memory])

    return Case(f, rng.standard_normal(n))


@problem("dense", (16, 256, 1024))
def attention(n):
    """Self-attention with one head: sqrt(n) tokens of sqrt(n) numbers each."""
    tokens = round(np.sqrt(n))
    rng = np.random.default_rng(19)
    Wq, Wk, Wv = (normal(rng, tokens, tokens) for _ in range(3))

    def f(x):
        X = x.reshape(tokens, tokens)
        scores = (X @ Wq) @ (X @ Wk).T / np.sqrt(tokens)
        weights = np.exp(scores - np.max(scores, axis=1, keepdims=True))
        weights = weights / np.sum(weights, axis=1, keepdims=True)
        return (weights @ (X @ Wv)).reshape(-1)

    return Case(f, rng.standard_normal(n))


# --- Statistics ----------------------------------------------------------------------------------


@problem("dense", (3, 10, 100, 1000, 5000))
def softmax(n):
    def f(x):
        e = np.exp(x - np.max(x))
        return e / np.sum(e)

    return Case(f, 2.0 * np.sin(np.arange(n)))


@problem("dense", (10, 100, 500))
def logistic_gradient(n):
    """The gradient of a penalized logistic regression of 2 n samples: its Jacobian is a Hessian."""
    rng = np.random.default_rng(14)
    X = rng.standard_normal((2 * n, n))
    y = (rng.uniform(size=2 * n) > 0.5).astype(float)

    def f(w):
        return X.T @ (sigmoid(X @ w) - y) + 0.1 * w

    return Case(f, rng.standard_normal(n) / np.sqrt(n))


@problem("dense", (15, 105, 1008), is_scalar=True)
def gaussian_mixture(n):
    """Log likelihood of 200 samples under components of own weight, centre and widths.

    Of 3 components in 2 dimensions, or of n / 21 in 10.
    """
    d = 2 if n == 15 else 10
    components = n // (2 * d + 1)
    rng = np.random.default_rng(21)
    X = rng.standard_normal((200, d))

    def f(p):
        score = p[:components]
        centre = p[components : components * (d + 1)].reshape(components, d)
        narrow = p[components * (d + 1) :].reshape(components, d)
        away = (X[:, None, :] - centre[None, :, :]) * np.exp(narrow)
        inner = score + np.sum(narrow, axis=1) - 0.5 * np.sum(away**2, axis=2)
        highest = np.max(inner, axis=1)
        of_samples = highest + np.log(np.sum(np.exp(inner - highest[:, None]), axis=1))
        normalizer = np.log(np.sum(np.exp(score))) + 0.5 * d * np.log(2 * np.pi)
        return np.sum(of_samples) - 200 * normalizer

    return Case(f, 0.3 * rng.standard_normal(n))


@problem("dense", (5, 12, 102), is_scalar=True)
def gaussian_process(n):
    """Negative log likelihood of 40 samples by n - 2 lengths, the amplitude and the noise."""
    rng = np.random.default_rng(18)
    X = rng.standard_normal((40, n - 2))
    y = np.sin(X[:, 0]) + 0.1 * rng.standard_normal(40)
    squared = (X[:, None, :] - X[None, :, :]) ** 2
    itself = np.eye(40)

    def f(p):
        near = np.exp(-0.5 * np.sum(squared * np.exp(-2.0 * p[:-2]), axis=-1))
        K = np.exp(2.0 * p[-2]) * near + np.exp(2.0 * p[-1]) * itself
        L = np.linalg.cholesky(K)
        white = np.linalg.solve(L, y)
        half_logdet = np.sum(np.log(np.diag(L)))
        return 0.5 * np.dot(white, white) + half_logdet + 20.0 * np.log(2 * np.pi)

    start = np.append(0.3 + 0.5 * np.log(n - 2) + 0.1 * np.cos(np.arange(n - 2)), [0.1, -0.7])
    return Case(f, start, is_analytic=False)
