"""What to write instead, where smooth functions are written with kinks: for the conventions page.

Each is a title, a reason, and a session that the tests run; the numbers are closed forms.
"""

HEAD = """\
>>> import numpy as np
>>> import dualmc as dm
"""

RECIPES = (
    (
        "A quotient by a length: the sinc form",
        "Rotation by the vector w turns p by the angle t = |w| about w / t, which does not exist "
        "at w = 0, where every bundle adjustment starts. With sin(t) / t and (1 - cos(t)) / t² as "
        "`np.sinc` nothing is divided, and the derivative at 0 is that of w × p.",
        """\
>>> p = np.array([1.0, 2.0, 3.0])
>>> def rotated(w):
...     t = np.linalg.norm(w)
...     sine, versine = np.sinc(t / np.pi), 0.5 * np.sinc(t / (2 * np.pi)) ** 2
...     return np.cos(t) * p + sine * np.cross(w, p) + versine * (w @ p) * w
>>> dm.jacobian_fwd(rotated, np.zeros(3))
array([[ 0.,  3., -2.],
       [-3.,  0.,  1.],
       [ 2., -1.,  0.]])
""",
    ),
    (
        "The same by a branch for small angles",
        "A branch is differentiated as it stands, so it must hold the function and not its value: "
        "a series in the square of the angle, which is smooth where the angle is not. What is not "
        "taken is computed all the same: the first `np.where` keeps it finite.",
        """\
>>> def sine_quotient(w):
...     q = w @ w
...     small = q < 1e-4
...     t = np.sqrt(np.where(small, 1.0, q))
...     return np.where(small, 1.0 - q / 6 + q**2 / 120, np.sin(t) / t)
>>> dm.hessian(sine_quotient, np.zeros(2)).round(12).tolist()
[[-0.333333333333, 0.0], [0.0, -0.333333333333]]
""",
    ),
    (
        "Cross-entropy and softplus: logaddexp",
        "max(v, 0) + log(1 + exp(-|v|)) is stable and smooth, but made of two kinks at v = 0, "
        "where training starts. `np.logaddexp` is the same function, stable and without them.",
        """\
>>> def loss(v, t):
...     return np.sum(np.logaddexp(0.0, v) - v * t)
>>> dm.gradient(loss, np.zeros(2), np.array([1.0, 0.0]))
array([-0.5,  0.5])
>>> dm.hessian(loss, np.zeros(2), np.array([1.0, 0.0])).tolist()
[[0.25, 0.0], [0.0, 0.25]]
""",
    ),
    (
        "A length that may be 0",
        "`np.linalg.norm(x)` has derivative 0 at 0 in every mode; `np.sqrt(np.sum(x**2))` "
        "multiplies 0 by infinity there. Where only the square is needed, the square has no kink. "
        "Where a slope near 0 must not jump, round the tip off.",
        """\
>>> dm.gradient(lambda x: np.linalg.norm(x), np.zeros(2))
array([0., 0.])
>>> dm.hessian(lambda x: np.exp(-x @ x), np.zeros(2)).tolist()
[[-2.0, 0.0], [0.0, -2.0]]
>>> dm.hessian(lambda x: np.sqrt(x @ x + 0.25), np.zeros(2)).tolist()
[[2.0, 0.0], [0.0, 2.0]]
""",
    ),
    (
        "A root found by a loop",
        "A bisection returns one of the midpoints that its first bracket fixes; which one, the "
        "comparisons decide. Its derivative would be that of the midpoint as a function of the "
        "bracket, and not that of the root: a comparison that decides ever closer to where it "
        "would switch is refused. `custom_root` takes the derivative from the equation.",
        """\
>>> def bisected(a):
...     low, high = 0.0, a + 1.0
...     while high - low > 1e-12:
...         middle = (low + high) / 2
...         low, high = (middle, high) if middle**2 < a else (low, middle)
...     return (low + high) / 2
>>> dm.derivative(bisected, 2.0)
Traceback (most recent call last):
    ...
dualmc.errors.TangentLostError: A comparison (in bisected, line 5) decides ever closer ...
>>> root = dm.custom_root(lambda y, a: y**2 - a, bisected)
>>> round(float(dm.derivative(root, 2.0)), 6)  # of the root: 1 / (2 * sqrt(2))
0.353553
""",
    ),
    (
        "Find them",
        "`dm.kinks` names the lines at which a convention decides, before anything is computed.",
        """\
>>> with dm.kinks("raise"):
...     dm.gradient(lambda x: np.sum(np.abs(x)), np.zeros(2))
Traceback (most recent call last):
    ...
dualmc.errors.KinkError: gradient: numpy.absolute is at a kink in 2 elements (derivative 0 at 0)
...
""",
    ),
)
