"""When comparisons of one place go to where they switch as those of a bisection do, compiled.

`dualmc.duals.halving` has the mathematics, and does the same in Python with these constants.  What
was compared is remembered in a row of floats, a site, whose numbers have the places below.
"""

import math

# Comparisons of one place before derivatives are looked at; where one value is compared with plain
# numbers, which may be a search in a table, more than tables have entries.
LEAST, LEAST_IN_TABLE = 5, 24
RATE = 0.6  # halvings per comparison, at least
CONFIRMED = 6  # derivatives looked at, one after the other
# How the difference shrinks in half of these: more slowly than in Newton's method; and the power of
# that by which its derivative shrinks at most (1/2 where the residuals of both ends are multiplied,
# 1 where the iterates converge with their derivatives).
SHRINKS, POWER = (1e-3, 0.4), 0.65
STEADY = (0.03, 4.0)  # by what the derivative may change, in the later half and over all
PARALLEL = 0.5  # the cosine between derivatives that follow each other, at least

# How many differences came since the largest (negative: none at all), and that.
COUNT, TOP = 0, 1
# What none of the latest four may pass; these; whether either outcome was seen; what was compared
# with plain numbers, and whether always that; how many derivatives were looked at.
BOUND, LAST, BELOW, ABOVE, OPERAND, IS_TABLE, FOUND = 2, 3, 7, 8, 9, 10, 11
# Of the latest derivatives the differences, their norms, and the cosine between each and the one
# before; then a new one, and the direction of the one before.
GAPS, NORMS, COSINES, SLOPES = 12, 12 + CONFIRMED, 12 + 2 * CONFIRMED, 12 + 3 * CONFIRMED


def is_closer(size, is_above, operand, is_plain, site):
    """Add a difference; whether its derivative is to be looked at."""
    if site[COUNT] == 0:
        site[BOUND] = site[TOP] * 2.0 ** (3 * RATE)
        for i in range(4):
            site[LAST + i] = site[TOP]
        site[BELOW] = site[ABOVE] = site[FOUND] = 0.0
        site[OPERAND], site[IS_TABLE] = operand, is_plain
    site[COUNT] += 1
    site[BOUND] *= 2.0**-RATE
    count = int(site[COUNT])
    site[LAST + count % 4] = size
    site[ABOVE if is_above else BELOW] = 1.0
    if not (is_plain and operand == site[OPERAND]):
        site[IS_TABLE] = 0.0
    if count < LEAST or site[IS_TABLE] and count < LEAST_IN_TABLE:
        return False
    for i in range(4):
        if site[LAST + i] > site[BOUND]:
            site[FOUND] = 0.0
            return False
    return True


def is_halving(size, n, site):
    """Note the `n` partials of the latest difference; whether the latest tell of halving."""
    square = 0.0
    for k in range(n):
        square += site[SLOPES + k] ** 2
    norm = math.sqrt(square)
    if not 0.0 < norm < math.inf:
        site[FOUND] = 0.0
        return False
    for i in range(1, CONFIRMED):
        site[GAPS + i - 1] = site[GAPS + i]
        site[NORMS + i - 1] = site[NORMS + i]
        site[COSINES + i - 1] = site[COSINES + i]
    cosine = 0.0
    for k in range(n):
        slope = site[SLOPES + k] / norm
        if site[FOUND]:
            cosine += slope * site[SLOPES + n + k]
        site[SLOPES + n + k] = slope
    last = CONFIRMED - 1
    site[GAPS + last], site[NORMS + last], site[COSINES + last] = size, norm, cosine
    site[FOUND] += 1
    if site[FOUND] < CONFIRMED or not (site[BELOW] and site[ABOVE]):
        return False
    half = CONFIRMED // 2
    g = h = p = q = 0.0
    least = math.inf
    for i in range(half):
        g, h = max(g, site[GAPS + i]), max(h, site[GAPS + half + i])
        p, q = max(p, site[NORMS + i]), max(q, site[NORMS + half + i])
        least = min(least, site[NORMS + half + i])
    if least < STEADY[0] * q or q > STEADY[1] * p:
        return False
    shrinks = h / g if g else 1.0
    if not SHRINKS[0] <= shrinks <= SHRINKS[1] or q < p * shrinks**POWER:
        return False
    for i in range(1, CONFIRMED):
        if not abs(site[COSINES + i]) >= PARALLEL:
            return False
    return True
