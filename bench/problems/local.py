"""Problems whose outputs read a few inputs each, or are sums of such terms.

Sources: extended Rosenbrock (Moré, Garbow, Hillstrom 1981, and the sum of the squares); Ackley
(1987); Lorenz (1996); the Brusselator as in Hairer and Wanner, "Solving ODEs II".
"""

import math

import numpy as np

from problems.problem import Case, problem

# --- Element by element, and sums of local terms -------------------------------------------------


@problem("local", (3, 10, 100, 1000, 5000))
def sin_square(n):
    return Case(lambda x: np.sin(x**2), np.linspace(0.2, 2.1, n))


def rosenbrock_start(n):
    """The usual start (-1.2, 1, -1.2, 1, ...), away from symmetry."""
    return np.where(np.arange(n) % 2 == 0, -1.2, 1.0) + 0.1 * np.sin(np.arange(n))


@problem("local", (3, 10, 100, 1000, 5000), is_scalar=True)
def rosenbrock(n):
    def f(x):
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    return Case(f, rosenbrock_start(n))


@problem("local", (10, 100), is_scalar=True)
def rosenbrock_loop(n):
    """The same sum, term by term."""

    def f(x):
        total = 0.0
        for i in range(n - 1):
            total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
        return total

    return Case(f, rosenbrock_start(n))


@problem("local", (3, 10, 100, 1000, 5000))
def rosenbrock_residual(n):
    """The residuals whose squares Rosenbrock's function sums."""

    def f(x):
        return np.concatenate([10.0 * (x[1:] - x[:-1] ** 2), 1.0 - x[:-1]])

    return Case(f, rosenbrock_start(n))


@problem("local", (3, 10, 100, 1000, 5000), is_scalar=True)
def ackley(n):
    def f(x):
        distance = np.sqrt(np.mean(x**2))
        waves = np.mean(np.cos(2 * np.pi * x))
        return 20.0 + np.e - 20.0 * np.exp(-0.2 * distance) - np.exp(waves)

    return Case(f, 1.5 * np.cos(np.arange(1.0, n + 1)))


# --- Stencils and chains -------------------------------------------------------------------------


@problem("local", (10, 100, 1000, 5000))
def lorenz96(n):
    def f(x):
        return (np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + 8.0

    return Case(f, 8.0 + np.sin(np.arange(n)))


@problem("local", (10, 100, 1000, 5000))
def brusselator(n):
    """Two diffusing species on n / 2 points each, written by assignment into views."""
    points = n // 2
    diffusion = 0.02 * (points + 1) ** 2

    def f(y):
        u, v = y[:points], y[points:]
        rate = np.empty_like(y)
        du, dv = rate[:points], rate[points:]
        reaction = u * u * v
        du[:] = 1.0 + reaction - 4.0 * u
        dv[:] = 3.0 * u - reaction
        for w, dw, edge in ((u, du, 1.0), (v, dv, 3.0)):
            dw[1:-1] += diffusion * (w[:-2] - 2.0 * w[1:-1] + w[2:])
            dw[0] += diffusion * (edge - 2.0 * w[0] + w[1])
            dw[-1] += diffusion * (w[-2] - 2.0 * w[-1] + edge)
        return rate

    edges_u, edges_v = np.array([1.0]), np.array([3.0])

    def twin(y):
        u, v = y[:points], y[points:]
        reaction = u * u * v
        wide_u = np.concatenate([edges_u, u, edges_u])
        wide_v = np.concatenate([edges_v, v, edges_v])
        du = 1.0 + reaction - 4.0 * u + diffusion * (wide_u[:-2] - 2.0 * u + wide_u[2:])
        dv = 3.0 * u - reaction + diffusion * (wide_v[:-2] - 2.0 * v + wide_v[2:])
        return np.concatenate([du, dv])

    at = np.arange(1, points + 1) / (points + 1)
    return Case(f, np.concatenate([1.0 + np.sin(2 * np.pi * at), 3.0 + 0.1 * np.cos(at)]), twin)


@problem("local", (10, 100, 1000, 5000))
def burgers(n):
    """Viscous flow on a ring; the side of the difference follows the sign of the velocity."""
    h, viscosity = 1.0 / n, 0.01

    def f(u):
        right, left = np.roll(u, -1), np.roll(u, 1)
        slope = np.where(u > 0, u - left, right - u) / h
        return viscosity * (right - 2.0 * u + left) / h**2 - u * slope

    return Case(f, 0.3 + np.sin(2 * np.pi * np.arange(n) / n + 0.2))


def side_of(n):
    """Points along each side of a square of n."""
    return math.isqrt(n)


@problem("local", (16, 100, 1024, 4900))
def bratu(n):
    """-u'' = 6 exp(u) on a square, five-point stencil, u = 0 outside."""
    side = side_of(n)
    h2 = 1.0 / (side + 1) ** 2

    def f(x):
        u = x.reshape(side, side)
        r = 4.0 * u - h2 * 6.0 * np.exp(u)
        r[1:] -= u[:-1]
        r[:-1] -= u[1:]
        r[:, 1:] -= u[:, :-1]
        r[:, :-1] -= u[:, 1:]
        return r.ravel()

    row, column = np.zeros((1, side)), np.zeros((side, 1))

    def twin(x):
        u = x.reshape(side, side)
        above = np.concatenate([row, u[:-1]], axis=0)
        below = np.concatenate([u[1:], row], axis=0)
        left = np.concatenate([column, u[:, :-1]], axis=1)
        right = np.concatenate([u[:, 1:], column], axis=1)
        return (4.0 * u - h2 * 6.0 * np.exp(u) - above - below - left - right).ravel()

    return Case(f, 0.5 + 0.4 * np.sin(np.arange(side * side)), twin)


@problem("local", (16, 100, 1024, 4900))
def heat(n):
    """A plate: conduction inside, a leak along one side, radiation along another."""
    side = side_of(n)
    conduction = (side - 1.0) ** 2

    def f(x):
        t = x.reshape(side, side)
        rate = np.zeros_like(t)
        around = t[2:, 1:-1] + t[:-2, 1:-1] + t[1:-1, 2:] + t[1:-1, :-2]
        rate[1:-1, 1:-1] = conduction * (around - 4.0 * t[1:-1, 1:-1])
        rate[0, :] = 0.5 * (t[1, :] - t[0, :])
        rate[-1, :] = -0.1 * t[-1, :] ** 4
        return rate.ravel()

    kept = np.zeros((side - 2, 1))

    def twin(x):
        t = x.reshape(side, side)
        around = t[2:, 1:-1] + t[:-2, 1:-1] + t[1:-1, 2:] + t[1:-1, :-2]
        inside = conduction * (around - 4.0 * t[1:-1, 1:-1])
        first, last = 0.5 * (t[1:2] - t[:1]), -0.1 * t[-1:] ** 4
        middle = np.concatenate([kept, inside, kept], axis=1)
        return np.concatenate([first, middle, last], axis=0).ravel()

    return Case(f, 1.0 + 0.4 * np.cos(np.arange(side * side)), twin)


def bundle_shape(n):
    """The numbers of cameras and points, and which of them every observation is of."""
    cameras = n // 50
    points = (n - 11 * cameras) // 3
    point = np.tile(np.arange(points), 2)
    camera = (point + np.repeat([0, 1], points)) % cameras
    return cameras, points, camera, point


def bundle_start(cameras, points, rng):
    """Cameras (rotation, centre, focal length, image centre, distortion) that look at points."""
    C = 0.1 * rng.standard_normal((cameras, 11))
    C += [0.6, 0.2, 0.3, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.01, 0.001]
    X = rng.uniform(-1.0, 1.0, (points, 3)) + [0.0, 0.0, 6.0]
    return np.concatenate([C.ravel(), X.ravel()])


@problem("local", (100, 1000, 5000))
def bundle_adjustment(n):
    """Reprojection errors: 11 parameters per camera, 3 per point, two cameras see every point."""
    cameras, points, camera, point = bundle_shape(n)
    rng = np.random.default_rng(50)
    seen = rng.standard_normal((2 * points, 2))

    def errors(x, cross):
        C = x[: 11 * cameras].reshape(cameras, 11)[camera]
        X = x[11 * cameras :].reshape(points, 3)[point] - C[:, 3:6]
        angle = np.sqrt(np.sum(C[:, :3] ** 2, axis=1, keepdims=True))
        axis = C[:, :3] / angle
        along = axis * np.sum(axis * X, axis=1, keepdims=True)
        cos, sin = np.cos(angle), np.sin(angle)
        X = X * cos + cross(axis, X) * sin + along * (1.0 - cos)
        image = X[:, :2] / X[:, 2:]
        r2 = np.sum(image**2, axis=1, keepdims=True)
        image = image * (1.0 + C[:, 9:10] * r2 + C[:, 10:11] * r2**2)
        return (image * C[:, 6:7] + C[:, 7:9] - seen).reshape(-1)

    def by_components(a, b):
        first = a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1]
        second = a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2]
        third = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
        return np.stack([first, second, third], axis=1)

    def f(x):
        return errors(x, np.cross)

    def twin(x):
        return errors(x, by_components)

    return Case(f, bundle_start(cameras, points, rng), twin)
