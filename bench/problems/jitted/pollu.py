"""POLLU: 20 species of polluted air and 25 reactions (Verwer 1994).

Rates and constants as the "Test Set for IVP Solvers" (Mazzia, Magherini 2008, release 2.4) states
them, with its array of rates, numbered from 0.
"""

import numpy as np
from numba import njit

from problems.jitted.problem import Jitted, listed, problem

# fmt: off
K = np.array([
    0.35, 26.6, 1.23e4, 8.6e-4, 8.2e-4, 1.5e4, 1.3e-4, 2.4e4, 1.65e4, 9e3, 0.022, 1.2e4, 1.88,
    1.63e4, 4.8e6, 3.5e-4, 0.0175, 1e8, 4.44e11, 1.24e3, 2.1, 5.78, 0.0474, 1.78e3, 3.12,
])
# fmt: on


@njit
def pollu_f(y):
    r = np.empty(25)
    r[0] = K[0] * y[0]
    r[1] = K[1] * y[1] * y[3]
    r[2] = K[2] * y[4] * y[1]
    r[3] = K[3] * y[6]
    r[4] = K[4] * y[6]
    r[5] = K[5] * y[6] * y[5]
    r[6] = K[6] * y[8]
    r[7] = K[7] * y[8] * y[5]
    r[8] = K[8] * y[10] * y[1]
    r[9] = K[9] * y[10] * y[0]
    r[10] = K[10] * y[12]
    r[11] = K[11] * y[9] * y[1]
    r[12] = K[12] * y[13]
    r[13] = K[13] * y[0] * y[5]
    r[14] = K[14] * y[2]
    r[15] = K[15] * y[3]
    r[16] = K[16] * y[3]
    r[17] = K[17] * y[15]
    r[18] = K[18] * y[15]
    r[19] = K[19] * y[16] * y[5]
    r[20] = K[20] * y[18]
    r[21] = K[21] * y[18]
    r[22] = K[22] * y[0] * y[3]
    r[23] = K[23] * y[18] * y[0]
    r[24] = K[24] * y[19]
    d = np.empty(20)
    lost = r[0] + r[9] + r[13] + r[22] + r[23]
    d[0] = -lost + r[1] + r[2] + r[8] + r[10] + r[11] + r[21] + r[24]
    d[1] = -r[1] - r[2] - r[8] - r[11] + r[0] + r[20]
    d[2] = -r[14] + r[0] + r[16] + r[18] + r[21]
    d[3] = -r[1] - r[15] - r[16] - r[22] + r[14]
    d[4] = -r[2] + 2.0 * r[3] + r[5] + r[6] + r[12] + r[19]
    d[5] = -r[5] - r[7] - r[13] - r[19] + r[2] + 2.0 * r[17]
    d[6] = -r[3] - r[4] - r[5] + r[12]
    d[7] = r[3] + r[4] + r[5] + r[6]
    d[8] = -r[6] - r[7]
    d[9] = -r[11] + r[6] + r[8]
    d[10] = -r[8] - r[9] + r[7] + r[10]
    d[11] = r[8]
    d[12] = -r[10] + r[9]
    d[13] = -r[12] + r[11]
    d[14] = r[13]
    d[15] = -r[17] - r[18] + r[15]
    d[16] = -r[19]
    d[17] = r[19]
    d[18] = -r[20] - r[21] - r[23] + r[22] + r[24]
    d[19] = -r[24] + r[23]
    return d


# What reacts alone: rates linear in y, so these parts of the Jacobian are constants.
# fmt: off
ALONE = {
    (0, 0): -K[0], (0, 12): K[10], (0, 18): K[21], (0, 19): K[24],
    (1, 0): K[0], (1, 18): K[20],
    (2, 2): -K[14], (2, 0): K[0], (2, 3): K[16], (2, 15): K[18], (2, 18): K[21],
    (3, 3): -K[15] - K[16], (3, 2): K[14],
    (4, 6): 2.0 * K[3], (4, 8): K[6], (4, 13): K[12],
    (5, 15): 2.0 * K[17],
    (6, 6): -K[3] - K[4], (6, 13): K[12],
    (7, 6): K[3] + K[4], (7, 8): K[6],
    (8, 8): -K[6],
    (9, 8): K[6],
    (10, 12): K[10],
    (12, 12): -K[10],
    (13, 13): -K[12],
    (15, 15): -K[17] - K[18], (15, 3): K[15],
    (18, 18): -K[20] - K[21], (18, 19): K[24],
    (19, 19): -K[24],
}
# fmt: on
CONSTANT = np.zeros((20, 20))
for _place, _value in ALONE.items():
    CONSTANT[_place] = _value


@njit
def pollu_jacobian(y):
    J = CONSTANT.copy()
    _of_nitrogen(y, J)
    _of_the_rest(y, J)
    return J


@njit
def _of_nitrogen(y, J):
    """What species 0 (NO2), 1 (NO) and 3 (O3P) make in pairs."""
    r1_1, r1_3 = K[1] * y[3], K[1] * y[1]
    r2_4, r2_1 = K[2] * y[1], K[2] * y[4]
    r8_10, r8_1 = K[8] * y[1], K[8] * y[10]
    r9_10, r9_0 = K[9] * y[0], K[9] * y[10]
    r11_9, r11_1 = K[11] * y[1], K[11] * y[9]
    r13_0, r13_5 = K[13] * y[5], K[13] * y[0]
    r22_0, r22_3 = K[22] * y[3], K[22] * y[0]
    r23_18, r23_0 = K[23] * y[0], K[23] * y[18]
    J[0, 0] -= r9_0 + r13_0 + r22_0 + r23_0
    J[0, 1] = r1_1 + r2_1 + r8_1 + r11_1
    J[0, 3] = r1_3 - r22_3
    J[0, 4] = r2_4
    J[0, 5] = -r13_5
    J[0, 9] = r11_9
    J[0, 10] = r8_10 - r9_10
    J[0, 18] -= r23_18
    J[1, 1] = -r1_1 - r2_1 - r8_1 - r11_1
    J[1, 3] = -r1_3
    J[1, 4] = -r2_4
    J[1, 9] = -r11_9
    J[1, 10] = -r8_10
    J[3, 0] = -r22_0
    J[3, 1] = -r1_1
    J[3, 3] -= r1_3 + r22_3
    J[9, 1] = r8_1 - r11_1
    J[9, 9] = -r11_9
    J[9, 10] = r8_10
    J[11, 1] = r8_1
    J[11, 10] = r8_10
    J[12, 0] = r9_0
    J[12, 10] = r9_10
    J[13, 1] = r11_1
    J[13, 9] = r11_9
    J[14, 0] = r13_0
    J[14, 5] = r13_5
    J[18, 0] = r22_0 - r23_0
    J[18, 3] = r22_3
    J[18, 18] -= r23_18
    J[19, 0] = r23_0
    J[19, 18] = r23_18


@njit
def _of_the_rest(y, J):
    """What species 5 (OH) makes in pairs, and the rows that these pairs share with others."""
    r2_4, r2_1 = K[2] * y[1], K[2] * y[4]
    r5_6, r5_5 = K[5] * y[5], K[5] * y[6]
    r7_8, r7_5 = K[7] * y[5], K[7] * y[8]
    r13_0, r13_5 = K[13] * y[5], K[13] * y[0]
    r19_16, r19_5 = K[19] * y[5], K[19] * y[16]
    J[4, 1] = -r2_1
    J[4, 4] = -r2_4
    J[4, 5] = r5_5 + r19_5
    J[4, 6] += r5_6
    J[4, 16] = r19_16
    J[5, 0] = -r13_0
    J[5, 1] = r2_1
    J[5, 4] = r2_4
    J[5, 5] = -r5_5 - r7_5 - r13_5 - r19_5
    J[5, 6] = -r5_6
    J[5, 8] = -r7_8
    J[5, 16] = -r19_16
    J[6, 5] = -r5_5
    J[6, 6] -= r5_6
    J[7, 5] = r5_5
    J[7, 6] += r5_6
    J[8, 5] = -r7_5
    J[8, 8] -= r7_8
    J[10, 0] = -K[9] * y[10]
    J[10, 1] = -K[8] * y[10]
    J[10, 5] = r7_5
    J[10, 8] = r7_8
    J[10, 10] = -K[8] * y[1] - K[9] * y[0]
    J[16, 5] = -r19_5
    J[16, 16] = -r19_16
    J[17, 5] = r19_5
    J[17, 16] = r19_16


@problem()
def pollu():
    x = 0.01 + 0.1 * np.sin(np.arange(20)) ** 2
    return Jitted(pollu_f, x, pollu_jacobian, listed(pollu_f))
