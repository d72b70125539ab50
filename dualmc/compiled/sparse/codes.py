"""Codes of columns: sets of bits by which a pass sees an entry that the pattern lacks.

A row is given the bits of all the columns that it depends on.  It shows a column that it should not
depend on unless the bits of its own columns happen to cover that column's.  With a bit for each
column that cannot be; else columns are words of a Reed-Solomon code, of which two agree in few
symbols: d columns together agree with another in at most d (k - 1) of its L symbols, so that rows
of fewer than L / (k - 1) entries are certain (Kautz, Singleton, 1964).  For longer rows symbols
are drawn at random, as many as make a chance of less than 2**-40 for an entry to be missed.
"""

import math

import numpy as np

# Irreducible polynomials over GF(2), by degree.
_FIELDS = {3: 0b1011, 4: 0b10011, 5: 0b100101, 6: 0b1000011, 7: 0b10000011, 8: 0b100011011}
_MISSED = 2.0**-40


def codes(n, widest, bits):
    """Rows of booleans, (n, b), for rows of at most `widest` entries, b at least `bits`.

    `bits` is how many the passes hold anyway; more ask for more passes.
    """
    if n <= bits or widest >= n:
        return np.eye(n, dtype=bool)
    found = _certain(n, widest, bits)
    return _random(n, widest, bits) if found is None else found


def _certain(n, widest, bits):
    for degree in _FIELDS:
        q = 1 << degree
        length = min(q, bits // q)
        digits = max(2, math.ceil(math.log(n) / math.log(q) - 1e-9))
        if length > widest * (digits - 1):
            return _one_hot(_evaluated(n, degree, digits)[:, :length], q)
    return None


def _evaluated(n, degree, digits):
    """The polynomials whose coefficients are the digits of 0..n-1, at all points of the field."""
    q = 1 << degree
    table = _products(degree)
    points = np.arange(q)
    numbers = np.arange(n)
    value = np.zeros((n, q), np.int64)
    for k in reversed(range(digits)):
        digit = numbers // q**k % q
        value = table[value, points] ^ digit[:, None]
    return value


def _products(degree):
    """The multiplication table of GF(2**degree)."""
    q = 1 << degree
    a, b = np.meshgrid(np.arange(q), np.arange(q), indexing="ij")
    product = np.zeros((q, q), np.int64)
    for i in range(degree):
        product ^= np.where(b >> i & 1, a << i, 0)
    for i in reversed(range(degree, 2 * degree - 1)):
        product ^= np.where(product >> i & 1, _FIELDS[degree] << (i - degree), 0)
    return product


def _random(n, widest, bits):
    """Random symbols; of those sizes that make a miss rare the one with the fewest bits."""
    best = None
    for q in (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
        covered = 1.0 - (1.0 - 1.0 / q) ** widest
        if covered == 1.0:
            continue
        length = math.ceil(math.log(_MISSED) / math.log(covered))
        if best is None or q * length < best[0]:
            best = q * length, q, length
    if best is None or best[0] >= n:
        return np.eye(n, dtype=bool)
    _, q, length = best
    length = max(length, bits // q)
    symbols = np.random.default_rng(n).integers(0, q, (n, length))
    return _one_hot(symbols, q)


def _one_hot(symbols, q):
    n, length = symbols.shape
    out = np.zeros((n, length, q), bool)
    out[np.arange(n)[:, None], np.arange(length), symbols] = True
    return out.reshape(n, length * q)


def words(found, marks, least):
    """Codes as words of 64 bits: (chunks, n, marks), `marks` words of them in each chunk.

    There are `least` chunks, or as many more as the codes need.
    """
    n, bits = found.shape
    chunks = max(least, -(-bits // (64 * marks)))
    padded = np.zeros((n, chunks * 64 * marks), bool)
    padded[:, :bits] = found
    packed = np.packbits(padded, axis=1, bitorder="little").view("<u8")
    return np.ascontiguousarray(packed.reshape(n, chunks, marks).transpose(1, 0, 2))
