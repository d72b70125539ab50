"""Option greeks: the Black-Scholes formula differentiated once and twice; implied volatilities.

Delta, vega, theta, rho are one gradient of the price; gamma, vanna, volga stand in its Hessian.
The implied volatility is a root, found by `brentq` inside a function, and has exact derivatives.
Then the whole book of a day: the vegas of 104 quotes are the diagonal of one sparse Jacobian.

Published: J. C. Hull, Options, Futures, and Other Derivatives (9th ed.), chapters 15 and 19: the
greeks, an implied volatility.  Data: data/dax_2002.csv (Sepp, 2003).
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from measured import Counted, table
from scipy.optimize import approx_fprime, brentq
from scipy.special import ndtr

import dualmc as dm


def call_price(S, sigma, T, r, K):
    """Price of a European call on a stock without dividends."""
    d1 = (np.log(S / K) + (r + sigma**2 / 2) * T) / (sigma * np.sqrt(T))
    return S * ndtr(d1) - K * np.exp(-r * T) * ndtr(d1 - sigma * np.sqrt(T))


def implied_volatility(price, S, T, r, K):
    return brentq(lambda sigma: call_price(S, sigma, T, r, K) - price, 1e-3, 3.0, xtol=1e-14)


def closed_forms(S, sigma, T, r, K):
    """Greeks by their formulas: what the derivatives are checked with."""
    root = sigma * np.sqrt(T)
    d1 = (np.log(S / K) + (r + sigma**2 / 2) * T) / root
    d2, density = d1 - root, np.exp(-(d1**2) / 2) / np.sqrt(2 * np.pi)
    vega, owed = S * density * np.sqrt(T), K * np.exp(-r * T) * ndtr(d2)
    theta = -S * density * sigma / (2 * np.sqrt(T)) - r * owed
    return {
        "delta": ndtr(d1), "vega": vega, "theta": theta, "rho": T * owed,
        "gamma": density / (S * root), "vanna": -density * d2 / sigma,
        "volga": vega * d1 * d2 / sigma,
    }  # fmt: skip


class Figures(NamedTuple):
    greeks: dict
    error: float  # of the greeks, the largest relative one
    implied: float  # Hull's implied volatility
    implied_vega: float  # its derivative by the price, times the vega there: 1
    quotes: int
    error_vegas: float  # of all quotes
    error_differences: float


def main():
    option, K = np.array([49.0, 0.20, 0.3846, 0.05]), 50.0  # S, sigma, T in years, r
    price = lambda x: call_price(*x, K)  # noqa: E731
    delta, vega, theta, rho = dm.gradient(price, option)
    H = dm.hessian(price, option)
    greeks = {"delta": delta, "vega": vega, "theta": -theta, "rho": rho}
    greeks |= {"gamma": H[0, 0], "vanna": H[0, 1], "volga": H[1, 1]}

    f = Counted(price)
    g = approx_fprime(option, f)  # of differences of differences the best step is larger
    G = approx_fprime(option, lambda x: approx_fprime(x, f, 1e-4), 1e-4)
    differences = dict(zip(greeks, (*g[:2], -g[2], g[3], G[0, 0], G[0, 1], G[1, 1]), strict=True))
    expected = closed_forms(*option, K)
    errors = {
        name: (abs(value / expected[name] - 1), abs(differences[name] / expected[name] - 1))
        for name, value in greeks.items()
    }
    rows = [(name, f"{value:.4f}", *errors[name]) for name, value in greeks.items()]
    table(("greek", "value", "relative error", "of differences"), *rows)
    print("Hull: delta 0.522, gamma 0.066, theta -4.31, vega 12.1, rho 8.91")
    print(f"(differences called the price {f.calls} times)")

    quote = 1.875, 21.0, 0.25, 0.1, 20.0
    sigma, by_price = dm.value_and_gradient(implied_volatility, *quote)
    vega = closed_forms(21.0, sigma, *quote[2:])["vega"]
    print(f"\nimplied volatility {sigma:.4f} (Hull: 0.235); by the price {by_price:.4f}, 1 / vega "
          f"{1 / vega:.4f}")  # fmt: skip

    days, rates, *smiles = np.genfromtxt(
        Path(__file__).parent / "data/dax_2002.csv", delimiter=",", skip_header=4
    )
    T, r = days[1:] / 365, rates[1:]
    strikes, volatilities = np.array(smiles)[:, :1], np.array(smiles)[:, 1:]
    J = dm.jacobian_fwd(call_price, 4468.17, volatilities, T, r, strikes, argnums=1, sparse=True)
    vegas = closed_forms(4468.17, volatilities, T, r, strikes)["vega"].ravel()
    off = np.max(np.abs(J.diagonal() / vegas - 1))
    print(f"\n{J.nnz} vegas of DAX options from one call of f, relative error {off:.1g};")
    print(f"dense differences would call it {vegas.size + 1} times")
    error, error_differences = np.max(list(errors.values()), axis=0)
    return Figures(
        greeks, error, float(sigma), float(by_price * vega), J.nnz, off, error_differences
    )


if __name__ == "__main__":
    main()
