"""scipy.stats called by f: distributions by every parameter, and statistics of samples."""

import numpy as np
import pytest
from oracles import differences

import dualmc as dm

stats = pytest.importorskip("scipy.stats")

# Shapes; the quantiles at which the densities are looked at are SciPy's own.
DISTRIBUTIONS = {
    "norm": (), "expon": (), "beta": (2.0, 3.0), "gamma": (2.0,), "lognorm": (0.5,), "t": (4.0,),
    "weibull_min": (1.5,), "chi2": (3.0,), "f": (3.0, 5.0), "uniform": (), "cauchy": (),
    "laplace": (), "logistic": (), "pareto": (2.5,), "gumbel_r": (), "rayleigh": (),
    "invgamma": (2.5,), "genextreme": (0.1,), "powerlaw": (1.7,), "exponweib": (1.3, 1.6),
    "johnsonsu": (0.5, 1.2), "skewnorm": (1.5,), "invgauss": (0.7,),
}  # fmt: skip
OF_X = ("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf")
OF_P = ("ppf", "isf")


def values_of(name, shapes):
    """All of its functions at ``z``: two places, two probabilities, shapes, loc and scale."""
    distribution = getattr(stats, name)

    def f(z):
        x, p, rest = z[:2], z[2:4], [z[i] for i in range(4, len(z))]
        parts = [getattr(distribution, method)(x, *rest) for method in OF_X]
        parts += [getattr(distribution, method)(p, *rest) for method in OF_P]
        return np.concatenate(parts)

    places = distribution.ppf([0.35, 0.6], *shapes, 0.1, 1.2)
    return f, np.array([*places, 0.3, 0.7, *shapes, 0.1, 1.2])


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_distribution_by_all_its_arguments(name):
    f, z = values_of(name, DISTRIBUTIONS[name])
    expected = differences(f, z, 4e-3)
    y, J = dm.value_and_jacobian_fwd(f, z)
    np.testing.assert_array_equal(y, f(z))
    np.testing.assert_allclose(J, expected, rtol=2e-6, atol=2e-6 * np.abs(expected).max())
    np.testing.assert_allclose(dm.jacobian_rev(f, z), J, rtol=1e-9, atol=1e-10)


def test_the_hessian_of_a_log_likelihood():
    """Fisher's information of the normal distribution: sums of the residuals."""
    x = np.array([0.3, 1.2, 0.8, 2.0])

    def f(p):
        return np.sum(stats.norm.logpdf(x, p[0], p[1]))

    m, s = p = np.array([0.7, 1.3])
    r = np.sum(x - m)
    q = np.sum((x - m) ** 2)
    expected = [[-4 / s**2, -2 * r / s**3], [-2 * r / s**3, 4 / s**2 - 3 * q / s**4]]
    np.testing.assert_allclose(dm.hessian(f, p), expected, rtol=1e-12)
    np.testing.assert_allclose(dm.gradient(f, p), [r / s**2, q / s**3 - 4 / s], rtol=1e-13)


X = np.array([0.3, 1.2, 0.8, 2.0, 1.5, 0.1])
Y = np.array([1.1, 2.05, 4.0, 3.0, 2.5, 0.7])
A = np.diag([1.0, 2.0, 3.0]) + 0.2
SAMPLES = {
    "sem": lambda x: stats.sem(x),
    "zscore": lambda x: stats.zscore(x),
    "skew": lambda x: stats.skew(x),
    "kurtosis": lambda x: stats.kurtosis(x),
    "gmean": lambda x: stats.gmean(x),
    "hmean": lambda x: stats.hmean(x),
    "entropy": lambda x: stats.entropy(x),
    "variation": lambda x: stats.variation(x),
    "trim_mean": lambda x: stats.trim_mean(x, 0.2),
    "describe": lambda x: np.stack([stats.describe(x).mean, stats.describe(x).variance]),
    "boxcox_llf": lambda x: stats.boxcox_llf(0.3, x),
    "boxcox_llf by its power": lambda x: stats.boxcox_llf(x[0], X),
    "pearsonr": lambda x: np.stack([*stats.pearsonr(x, Y)]),
    "linregress": lambda x: np.stack([*stats.linregress(x, Y)]),
    "ttest_ind": lambda x: np.stack([*stats.ttest_ind(x, Y)]),
    "f_oneway": lambda x: np.stack([*stats.f_oneway(x, Y)]),
    "gaussian_kde at x": lambda x: stats.gaussian_kde([0.0, 1.0, 2.0])(x),
    "gaussian_kde of x": lambda x: stats.gaussian_kde(x)([0.5, 1.0]),
    "gaussian_kde.logpdf": lambda x: stats.gaussian_kde(x).logpdf([0.5, 1.0]),
    "gaussian_kde of points": lambda x: stats.gaussian_kde(x.reshape(2, 3))([[0.5], [1.0]]),
    "gaussian_kde by weights": lambda w: stats.gaussian_kde(X, weights=w)([0.5, 1.0]),
    "multivariate_normal": lambda x: stats.multivariate_normal.logpdf(x[:3], x[3:], A),
    "multivariate_normal by cov": lambda x: stats.multivariate_normal(
        Y[:3], np.diag(x[:3]) + 0.1
    ).logpdf(X[:3]),
    "multivariate_t": lambda x: stats.multivariate_t.logpdf(x[:3], x[3:], A, df=4),
    "wishart": lambda x: stats.wishart.logpdf(A, 5, np.diag(x[:3]) + 0.1),
    "cramervonmises": lambda x: stats.cramervonmises(x, "norm").statistic,
    "poisson": lambda x: stats.poisson.logpmf([1, 2, 5], x[1]),
    "binom": lambda x: stats.binom.pmf([1, 2, 5], 7, x[0]),
    "binom.cdf": lambda x: stats.binom.cdf([1, 2, 5], 7, x[0]),
    "nbinom": lambda x: stats.nbinom.logpmf([1, 2, 5], x[1], x[0]),
    "moments of nbinom": lambda x: np.stack(stats.nbinom.stats(x[1], x[0], moments="mvsk")),
    "a frozen distribution": lambda x: stats.norm(x[0], x[1]).logpdf(Y),
    "nnlf": lambda x: stats.genextreme.nnlf((x[5], x[0], x[1]), Y),
    "norm.fit": lambda x: np.stack(stats.norm.fit(x)),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", SAMPLES)
def test_a_statistic(name):
    f = SAMPLES[name]
    expected = differences(lambda x: np.array(f(x)), X, 2e-3)
    np.testing.assert_allclose(dm.jacobian_fwd(f, X), expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(dm.jacobian_rev(f, X), expected, rtol=1e-6, atol=1e-7)


def test_a_fit_by_maximum_likelihood():
    """`weibull_min.fit` minimizes: where it ends, the gradient of the likelihood is 0."""

    def f(x):
        return np.stack(stats.gamma.fit(x, floc=0))[::2]

    shape, scale = f(X)
    J = dm.jacobian_fwd(f, X)
    # shape * scale is the mean, and log(shape) - psi(shape) = log(mean) - mean(log).
    from scipy.special import polygamma

    slope = (1 / X.mean() - 1 / X) / (6 * (1 / shape - polygamma(1, shape)))
    np.testing.assert_allclose(J[0], slope, rtol=1e-9)
    np.testing.assert_allclose(J[1], 1 / (6 * shape) - scale / shape * slope, rtol=1e-9)


def test_arrays_that_numpy_fills_and_weights():
    x, w = X[:4], np.array([0.2, 0.4, 0.1, 0.3])
    cases = {
        "full_like": lambda z: np.full_like(w, z[0]) * z,
        "arange": lambda z: np.arange(1, stop=z[1] + 3, step=z[0]),
        "cov": lambda z: np.cov(z, w, aweights=z**2),
        "cov by counts and weights": lambda z: np.cov(z, fweights=[1, 2, 1, 3], aweights=z, ddof=0),
    }
    for f in cases.values():
        expected = differences(lambda z, f=f: np.array(f(z)), x, 1e-3)
        np.testing.assert_allclose(dm.jacobian_fwd(f, x), expected, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(dm.jacobian_rev(f, x), expected, rtol=1e-8, atol=1e-9)


def test_the_direction_of_a_complex_sum_of_exponentials():
    from scipy.special import logsumexp

    def f(x):
        z = np.stack((x + 1j * x**2, x * x + 0j))
        size, direction = logsumexp(z, axis=0, b=[[1.0], [-1.0]], return_sign=True)
        return np.concatenate([size, np.real(direction), np.imag(direction)])

    expected = differences(f, X, 1e-3)
    np.testing.assert_allclose(dm.jacobian_fwd(f, X), expected, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(dm.jacobian_rev(f, X), expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", ["sem", "skew", "kurtosis", "gmean", "zscore", "variation", "iqr"])
def test_functions_of_scipy_as_f_itself(name):
    f = getattr(stats, name)
    x = np.array([0.3, 1.2, 2.0, 5.0])
    J = dm.jacobian_fwd(f, x)
    np.testing.assert_allclose(J, differences(f, x), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(J, dm.jacobian_fwd(lambda x: f(x), x), rtol=1e-14)
