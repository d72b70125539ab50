"""The log-likelihood of a Gaussian mixture with its Wishart prior, ADBench's first objective.

In two codings: of whole arrays, and of loops over samples and components with small vectors inside,
as ADBench's own code for autograd has it.

References: Srajer, Kukelova, Fitzgibbon (2018), arXiv:1807.10129 (the objective, section 4.1).
"""

import math

import numpy as np

DIMENSION = 10
COMPONENTS = 25
# The Wishart prior's parameters, ADBench's own.
GAMMA = 1.0
M = 0


def constant(samples, d, k):
    """What does not depend on the parameters."""
    n = d + M + 1
    log_gamma = 0.25 * d * (d - 1) * math.log(math.pi)
    log_gamma += sum(math.lgamma(0.5 * (n - j)) for j in range(d))
    prior = n * d * (math.log(GAMMA) - 0.5 * math.log(2)) - log_gamma
    return -0.5 * samples * d * math.log(2 * math.pi) - k * prior


def arrays(numpy):
    """The coding of whole arrays; `numpy` is NumPy or a module like it."""
    # Where the entries of a lower triangle, column after column, lie in a vector that ends with 0.
    size = DIMENSION * (DIMENSION - 1) // 2
    where = np.full((DIMENSION, DIMENSION), size)
    columns, rows = np.triu_indices(DIMENSION, 1)
    where[rows, columns] = np.arange(size)

    def log_sum_exp(a):
        largest = numpy.max(a, axis=-1, keepdims=True)
        return numpy.log(numpy.sum(numpy.exp(a - largest), axis=-1)) + largest[..., 0]

    def log_likelihood(alphas, means, icf, x):
        samples, d = x.shape
        k = alphas.shape[0]
        log_q, below = icf[:, :d], icf[:, d:]
        q = numpy.exp(log_q)
        log_det = numpy.sum(log_q, axis=1)
        L = numpy.concatenate([below, np.zeros((k, 1))], axis=1)[:, where]
        centred = x[:, None, :] - means
        scaled = q * centred + numpy.einsum("kij,nkj->nki", L, centred)
        inner = alphas + log_det - 0.5 * numpy.sum(scaled**2, axis=2)
        frobenius = numpy.sum(q**2) + numpy.sum(below**2)
        prior = 0.5 * GAMMA**2 * frobenius - M * numpy.sum(log_det)
        slack = numpy.sum(log_sum_exp(inner)) - samples * log_sum_exp(alphas)
        return constant(samples, d, k) + slack + prior

    return log_likelihood


def loops(numpy):
    """The coding of loops over samples, components and the elements of their vectors."""

    def times(a, scalar):
        return numpy.stack([a[i] * scalar for i in range(a.shape[0])])

    def log_sum_exp(terms):
        a = numpy.stack(terms)
        largest = numpy.max(a)
        return numpy.log(numpy.sum(numpy.exp(less(a, largest)))) + largest

    def less(a, scalar):
        return numpy.stack([a[i] - scalar for i in range(a.shape[0])])

    def lower_columns(below, d):
        columns, start = [], 0
        for j in range(d):
            entries = below[start : start + d - j - 1]
            columns.append(numpy.concatenate([np.zeros(j + 1), entries]))
            start += d - j - 1
        return columns

    def log_likelihood(alphas, means, icf, x):
        samples, d = x.shape
        k = alphas.shape[0]
        q = [numpy.exp(icf[i, :d]) for i in range(k)]
        log_det = [numpy.sum(icf[i, :d]) for i in range(k)]
        L = [lower_columns(icf[i, d:], d) for i in range(k)]
        total = constant(samples, d, k)
        for n in range(samples):
            terms = []
            for i in range(k):
                centred = x[n] - means[i]
                scaled = numpy.stack([q[i][j] * centred[j] for j in range(d)])
                for j in range(d):
                    scaled = scaled + times(L[i][j], centred[j])
                terms.append(alphas[i] + log_det[i] - 0.5 * numpy.sum(scaled**2))
            total = total + log_sum_exp(terms)
        for i in range(k):
            frobenius = numpy.sum(q[i] ** 2) + numpy.sum(icf[i, d:] ** 2)
            total = total + 0.5 * GAMMA**2 * frobenius - M * log_det[i]
        return total - samples * log_sum_exp([alphas[i] for i in range(k)])

    return log_likelihood


def parameters(samples, rng):
    d, k = DIMENSION, COMPONENTS
    return (
        rng.standard_normal(k),
        rng.standard_normal((k, d)),
        0.3 * rng.standard_normal((k, d + d * (d - 1) // 2)),
        rng.standard_normal((samples, d)),
    )
