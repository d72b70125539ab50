"""A picture for each program of `examples/`, of the same name; its docstring is the caption.

Each takes the program as a module, what its `main` returned, and a figure.
"""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import minimize

import dualmc as dm


def of(**options):
    """`main` is called with these options."""

    def marked(draw):
        draw.options = options
        return draw

    return marked


@of()
def uncertainty_gum(program, figures, figure):
    """Resistance and reactance: the five readings, and the ellipses of one and two standard
    deviations of the mean, by the propagated covariance."""
    readings = np.array([program.impedance(row) for row in program.READINGS])
    (u_R, u_X, _), (r, _, _) = figures.uncertainties, figures.correlations
    covariance = np.array([[u_R**2, r * u_R * u_X], [r * u_R * u_X, u_X**2]])
    circle = np.stack([np.cos(t := np.linspace(0, 2 * np.pi, 200)), np.sin(t)])
    ax = figure.add_subplot()
    for size in (1, 2):
        R, X = figures.estimates[:2, None] + size * np.linalg.cholesky(covariance) @ circle
        ax.plot(R, X, color="C0", lw=3 - size, label=f"{size} u")
    ax.plot(*readings.T[:2], "o", color="C1", label="readings")
    ax.set(xlabel="R in ohms", ylabel="X in ohms")
    ax.legend()


@of()
def nist_fits(program, figures, figure):
    """Digits that agree with NIST's certified parameters, of eleven, from the far and the near
    start: a fit with differences and the same fit with the exact Jacobian."""
    digits = np.array(list(figures.digits.values()))
    at = np.arange(len(digits))
    ax = figure.add_subplot()
    ax.barh(at - 0.2, digits[:, 0], 0.4, color="C1", label="differences")
    ax.barh(at + 0.2, digits[:, 1], 0.4, color="C0", label="dualmc")
    ax.set_yticks(at, [", ".join(key) for key in figures.digits], fontsize=8)
    ax.invert_yaxis()
    ax.set(xlabel="correct digits of the worst parameter")
    figure.legend(loc="outside upper right", ncols=2)


@of()
def ode_parameters(program, figures, figure):
    """The fitted populations and two standard errors around them: the derivative of the solution
    by the six parameters carries their covariance to every year."""
    best, _ = program.fit(1e-10)
    covariance = np.linalg.inv(best.jac.T @ best.jac) * 2 * best.cost / (best.fun.size - 6)
    years = np.linspace(1900, 1920, 201)

    def populations(log_p):
        p = np.exp(log_p)
        return solve_ivp(
            program.lotka_volterra, (1900, 1920), p[4:], t_eval=years, args=tuple(p[:4]), rtol=1e-8
        ).y

    z, J = dm.value_and_jacobian_fwd(populations, best.x)
    error = 2 * np.sqrt(np.einsum("...i,ij,...j", J, covariance, J))
    ax = figure.add_subplot()
    for name, line, width, pelts in zip(("hares", "lynxes"), z, error, program.PELTS, strict=True):
        (drawn,) = ax.plot(years, line, label=name)
        ax.fill_between(years, line - width, line + width, color=drawn.get_color(), alpha=0.2, lw=0)
        ax.plot(program.YEARS, pelts, "o", ms=4, color=drawn.get_color())
    ax.set(ylabel="pelts, in thousands", ylim=(0, None))
    ax.set_xticks(range(1900, 1921, 5))
    ax.legend()


@of()
def kalman(program, figures, figure):
    """The bicycle's way, what the laser saw of it, and what the filter makes of laser and radar;
    a part of it larger."""
    sensors, times, z, truth = program.load()
    states = program.follow(sensors, times, z, program.by_hand)
    laser = np.array([seen for sensor, seen in zip(sensors, z, strict=True) if sensor == "L"])
    panels = figure.subplots(1, 2, width_ratios=(3, 2))
    for ax in panels:
        ax.plot(*laser.T, ".", ms=4, color="#999999", label="laser")
        ax.plot(*truth.T[:2], color="C1", lw=3, alpha=0.5, label="truth")
        ax.plot(*states.T[:2], color="C0", lw=1, label="filter")
        ax.set(xlabel="x in m", ylabel="y in m", aspect="equal")
    panels[0].legend()
    panels[1].set(xlim=(14, 21), ylim=(9, 17))


@of()
def option_greeks(program, figures, figure):
    """Greeks of Hull's call by the price of the stock: diagonals of sparse Jacobians, first and
    second derivatives of the one formula."""
    S, K = np.linspace(30, 70, 201), 50.0

    def total(S, sigma):
        return np.sum(program.call_price(S, sigma, 0.3846, 0.05, K))

    sigma = np.full_like(S, 0.20)
    delta, vega = dm.gradient(total, S, sigma, argnums=(0, 1))
    curves = {
        "price": program.call_price(S, sigma, 0.3846, 0.05, K),
        "delta": delta,
        "gamma": dm.hessian(total, S, sigma, sparse=True).diagonal(),
        "vega": vega,
    }
    panels = figure.subplots(2, 2, sharex=True)
    for ax, (name, curve) in zip(panels.flat, curves.items(), strict=True):
        ax.plot(S, curve)
        ax.axvline(K, color="#999999", lw=0.8, ls=":")
        ax.set_title(name, fontsize=10)
    for ax in panels[-1]:
        ax.set_xlabel("price of the stock")


@of()
def neuron(program, figures, figure):
    """Stack losses as they were observed and as the trained neuron predicts them."""
    constant, *slopes = figures.coefficients
    table = program.TABLE
    predicted = np.maximum(0, table.X @ np.array(slopes) + constant)
    ax = figure.add_subplot()
    ax.axline((0, 0), slope=1, color="#999999", lw=0.8)
    ax.plot(table.y, predicted, "o")
    ax.set(xlabel="observed", ylabel="predicted", xlim=(0, 45), ylim=(0, 45), aspect="equal")


@of(iterations=24, samples=400)
def mlp(program, figures, figure):
    """Digits, and below each the derivative of the score that it was given by its 64 pixels: what
    more ink would do, from less likely (red) to more likely (blue)."""
    (X, labels), (others, _) = program.load()
    p = np.random.default_rng(0).normal(size=sum(program.SIZES)) * 0.1
    p = minimize(
        lambda p: dm.value_and_gradient(program.loss, p, X[:400], labels[:400]), p, jac=True,
        method="L-BFGS-B", options={"maxiter": 24},
    ).x  # fmt: skip
    scores = program.scores(p, others)
    panels = figure.subplots(2, 8)
    for i, (above, below) in enumerate(panels.T):
        read = np.argmax(scores[i])
        slopes = dm.gradient(lambda x, read=read: program.scores(p, x)[read], others[i])
        above.imshow(others[i].reshape(8, 8), cmap="Greys")
        above.set_title(f"read as {read}", fontsize=8)
        size = np.max(np.abs(slopes))
        below.imshow(slopes.reshape(8, 8), cmap="RdBu", vmin=-size, vmax=size)
    for ax in panels.flat:
        ax.set_axis_off()


@of(problems=("Robertson",))
def stiff_kinetics(program, figures, figure):
    """Robertson's three species over eleven decades of time, by Radau with the prepared Jacobian;
    the second is drawn ten thousand times as large."""
    f = program.robertson
    J = dm.prepare(f, 0.0, [1.0, 0.0, 0.0], argnums=1)
    found = solve_ivp(f, (0, 1e11), [1.0, 0.0, 0.0], "Radau", rtol=1e-7, atol=1e-14, jac=J)
    ax = figure.add_subplot()
    for name, y, size in zip(("first", "second", "third"), found.y, (1, 1e4, 1), strict=True):
        ax.plot(found.t[1:], size * y[1:], label=f"{name}, x 10,000" if size > 1 else name)
    ax.set(xscale="log", xlabel="time", ylabel="concentration", xlim=(1e-5, 1e11))
    ax.legend()


@of(cells=32, end=11.5)
def brusselator_2d(program, figures, figure):
    """The first species at the end, 32 by 32 cells, and the Jacobian of the 2,048 equations with
    the 12,288 entries that dualmc found by itself."""
    y, disk = program.start(32)
    left, right = figure.subplots(1, 2)
    u = figures.solutions["dualmc"][: disk.size].reshape(disk.shape)
    drawn = left.imshow(u.T, origin="lower", extent=(0, 1, 0, 1), cmap="viridis")
    figure.colorbar(drawn, ax=left, shrink=0.8)
    left.set(xlabel="x", ylabel="y")
    dm.spy(dm.jacobian_fwd(program.brusselator, 0.0, y, disk, argnums=1, sparse=True), ax=right)


@of(count=3000, fitted=1000)
def bundle_adjustment(program, figures, figure):
    """The Jacobian of the first views: nine columns of a camera and three of a point in each row;
    and the points with the sixteen cameras, from above."""
    x, views = program.load()
    cameras, points = x[: 9 * views.cameras].reshape(-1, 9), x[9 * views.cameras :].reshape(-1, 3)
    centres = program.rotate(-cameras[:, 3:6], -cameras[:, :3])
    left, right = figure.subplots(1, 2)
    dm.spy(figures.jacobian, ax=left)
    right.plot(points[:, 0], points[:, 2], ",", color="#999999")
    right.plot(centres[:, 0], centres[:, 2], "^", color="C1", label="cameras")
    low, high = np.percentile(points, (1, 99), axis=0)
    right.set(xlim=(low[0], high[0]), ylim=(low[2], max(high[2], centres[:, 2].max() + 1)))
    right.set(xlabel="x", ylabel="z")
    right.legend()


@of(steps=200)
def njit_code(program, figures, figure):
    """Lambert's problem: the way of the first guess, and the transfer orbit that meets the target
    after 76 minutes, which Newton's method found by the exact Jacobian of 200 steps."""
    start, target = np.array([15945.34, 0.0, 0.0]), np.array([12214.83899, 10249.46731, 0.0])
    ax = figure.add_subplot()
    around = np.linspace(0, 2 * np.pi, 200)
    ax.fill(program.RADIUS * np.cos(around), program.RADIUS * np.sin(around), color="#56B4E9")
    velocities = {"guess": np.array([2.0, 3.0, 0.1]), "transfer": figures.velocity}
    for (name, v), colour in zip(velocities.items(), ("#999999", "C1"), strict=True):
        state = np.concatenate([start, v])
        way = np.array([program.propagate(state, t, 200, 0.0) for t in np.linspace(0, 4560, 60)])
        ax.plot(*way.T[:2], color=colour, label=name)
    ax.plot(*start[:2], "o", color="C2", label="start")
    ax.plot(*target[:2], "*", ms=10, color="C1", label="target")
    ax.set(xlabel="x in km", ylabel="y in km", aspect="equal")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
