"""Models as code bases write them: objects that store what they compute, Jacobians by hand beside.

``value(x)`` writes into attributes, lists, dicts and work arrays of the object; ``jacobian(x)`` is
the derivative as textbooks give it (Thrun, Burgard & Fox, Probabilistic Robotics; Siciliano et al.,
Robotics; Hartley & Zisserman, Multiple View Geometry; Hairer & Wanner, Solving ODEs II).
"""

import math
from dataclasses import dataclass, field

import numpy as np


def skew(v):
    return np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])


class Odometry:
    """A robot that drives with speed v and turns at a rate w: the prediction of its EKF."""

    point = np.array([0.3, -0.2, 0.7, 1.1])

    def __init__(self, dt=0.1, w=0.4):
        self.dt, self.w = dt, w
        self.state = None
        self.track = []

    def value(self, x):
        self.state = x
        self.track.append(self.state[:2])
        return self.motion()

    def motion(self):
        F = np.diag([1.0, 1.0, 1.0, 0.0])
        heading = self.state[2]
        B = np.array(
            [
                [self.dt * math.cos(heading), 0.0],
                [self.dt * math.sin(heading), 0.0],
                [0.0, self.dt],
                [1.0, 0.0],
            ]
        )
        self.state = F @ self.state + B @ np.array([self.state[3], self.w])
        return self.state

    def jacobian(self, x):
        _, _, heading, v = x
        s, c = math.sin(heading), math.cos(heading)
        return np.array(
            [
                [1.0, 0.0, -self.dt * v * s, self.dt * c],
                [0.0, 1.0, self.dt * v * c, self.dt * s],
                [0.0, 0.0, 1.0, 0.0],
                [0.0, 0.0, 0.0, 1.0],
            ]
        )


class TurningTarget:
    """Constant turn rate and speed, as trackers of vehicles predict: x, y, speed, yaw, yaw rate."""

    point = np.array([1.0, 2.0, 5.0, 0.6, 0.3])

    def __init__(self, dt=0.5):
        self.dt = dt
        self.predicted = np.zeros(5)

    def value(self, x):
        px, py, v, yaw, rate = x
        turned = yaw + rate * self.dt
        new = np.zeros(5)
        if abs(rate) > 1e-6:
            new[0] = px + v / rate * (math.sin(turned) - math.sin(yaw))
            new[1] = py + v / rate * (math.cos(yaw) - math.cos(turned))
        else:
            new[0] = px + v * self.dt * math.cos(yaw)
            new[1] = py + v * self.dt * math.sin(yaw)
        new[2], new[3], new[4] = v, turned, rate
        self.predicted = new
        return self.predicted

    def jacobian(self, x):
        _, _, v, yaw, w = x
        turned = yaw + w * self.dt
        ds, dc = math.sin(turned) - math.sin(yaw), math.cos(yaw) - math.cos(turned)
        s, c, T = math.sin(turned), math.cos(turned), self.dt
        J = np.eye(5)
        J[0, 2], J[1, 2] = ds / w, dc / w
        J[0, 3], J[1, 3] = v / w * (c - math.cos(yaw)), v / w * (s - math.sin(yaw))
        J[0, 4] = -v / w**2 * ds + v / w * T * c
        J[1, 4] = -v / w**2 * dc + v / w * T * s
        J[3, 4] = T
        return J


@dataclass
class RangeAndBearing:
    """What a robot at x, y, heading measures of landmarks; the innovation stays in the object."""

    landmarks: list = field(default_factory=lambda: [(4.0, 1.0), (-2.0, 3.0), (0.5, -3.0)])
    measured: dict = field(default_factory=dict)
    point = np.array([0.2, 0.4, 0.3])

    def value(self, x):
        for i, (lx, ly) in enumerate(self.landmarks):
            dx, dy = lx - x[0], ly - x[1]
            self.measured[i] = (math.hypot(dx, dy), math.atan2(dy, dx) - x[2])
        return [z for i in self.measured for z in self.measured[i]]

    def jacobian(self, x):
        rows = []
        for lx, ly in self.landmarks:
            dx, dy = lx - x[0], ly - x[1]
            q = dx**2 + dy**2
            rows.append([-dx / math.sqrt(q), -dy / math.sqrt(q), 0.0])
            rows.append([dy / q, -dx / q, -1.0])
        return np.array(rows)


class TwoLinks:
    """A planar arm with setters for its angles."""

    point = np.array([0.4, 0.9])

    def __init__(self, a=1.0, b=0.7):
        self.lengths = (a, b)
        self._angles = [0.0, 0.0]

    @property
    def angles(self):
        return self._angles

    @angles.setter
    def angles(self, q):
        self._angles[0], self._angles[1] = q[0], q[1]

    def value(self, x):
        self.angles = x
        return self.forward_kinematics()

    def forward_kinematics(self):
        (a, b), (p, q) = self.lengths, self.angles
        self.elbow = (a * np.cos(p), a * np.sin(p))
        return np.array([self.elbow[0] + b * np.cos(p + q), self.elbow[1] + b * np.sin(p + q)])

    def jacobian(self, x):
        (a, b), (p, q) = self.lengths, x
        s, c = b * np.sin(p + q), b * np.cos(p + q)
        return np.array([[-a * np.sin(p) - s, -s], [a * np.cos(p) + c, c]])


class NLinks:
    """A planar arm of many links that keeps the positions of its joints in a list."""

    point = np.array([0.2, -0.5, 0.8])

    def __init__(self, lengths=(1.0, 0.8, 0.5)):
        self.lengths = np.array(lengths)
        self.points = [np.zeros(2) for _ in range(len(lengths) + 1)]

    def value(self, x):
        self.update_joints(x)
        return self.end_effector

    def update_joints(self, joint_angles):
        self.joint_angles = joint_angles
        self.update_points()

    def update_points(self):
        for i in range(1, len(self.points)):
            angle = np.sum(self.joint_angles[:i])
            step = self.lengths[i - 1] * np.array([np.cos(angle), np.sin(angle)])
            self.points[i] = self.points[i - 1] + step
        self.end_effector = np.array(self.points[-1]).T

    def jacobian(self, x):
        angles = np.cumsum(x)
        steps = self.lengths * np.array([-np.sin(angles), np.cos(angles)])
        return np.cumsum(steps[:, ::-1], axis=1)[:, ::-1]


class Joint:
    """One row of a table of Denavit and Hartenberg."""

    __slots__ = ("a", "alpha", "d", "theta")

    def __init__(self, a, alpha, d):
        self.a, self.alpha, self.d = a, alpha, d
        self.theta = 0.0

    def transform(self):
        ct, st = np.cos(self.theta), np.sin(self.theta)
        ca, sa = math.cos(self.alpha), math.sin(self.alpha)
        return np.array(
            [
                [ct, -st * ca, st * sa, self.a * ct],
                [st, ct * ca, -ct * sa, self.a * st],
                [0.0, sa, ca, self.d],
                [0.0, 0.0, 0.0, 1.0],
            ]
        )


class Arm:
    """Six revolute joints; the geometric Jacobian of the position of the hand."""

    point = np.array([0.1, -0.6, 0.9, 0.3, -0.4, 0.2])

    def __init__(self):
        half = math.pi / 2
        self.joints = [
            Joint(0.0, half, 0.4), Joint(0.5, 0.0, 0.0), Joint(0.1, half, 0.1),
            Joint(0.0, -half, 0.4), Joint(0.0, half, 0.0), Joint(0.05, 0.0, 0.1),
        ]  # fmt: skip

    def value(self, x):
        self.set_joint_angles(x)
        return self.forward_kinematics()

    def set_joint_angles(self, q):
        for joint, angle in zip(self.joints, q, strict=True):
            joint.theta = angle

    def forward_kinematics(self):
        T = np.identity(4)
        for joint in self.joints:
            T = T @ joint.transform()
        self.pose = T
        return self.pose[:3, 3]

    def jacobian(self, x):
        frames = [np.eye(4)]
        for joint, angle in zip(self.joints, x, strict=True):
            other = Joint(joint.a, joint.alpha, joint.d)
            other.theta = angle
            frames.append(frames[-1] @ other.transform())
        hand = frames[-1][:3, 3]
        return np.stack([np.cross(T[:3, 2], hand - T[:3, 3]) for T in frames[:-1]], axis=1)


class Camera:
    """A pinhole with two radial coefficients: the image of a point, by the point."""

    point = np.array([0.4, -0.3, 2.5])

    def __init__(self, focal=500.0, centre=(320.0, 240.0), k=(-0.2, 0.05)):
        self.focal, self.centre, self.k = focal, np.array(centre), k
        self.cache = {}

    def value(self, x):
        u = self.cache["normalized"] = x[:2] / x[2]
        r2 = self.cache["r2"] = np.dot(u, u)
        factor = 1.0 + self.k[0] * r2 + self.k[1] * r2**2
        self.cache["pixel"] = self.focal * factor * u + self.centre
        return self.cache["pixel"]

    def jacobian(self, x):
        u = x[:2] / x[2]
        r2 = u @ u
        factor = 1.0 + self.k[0] * r2 + self.k[1] * r2**2
        by_u = self.focal * (
            factor * np.eye(2) + np.outer(u, 2 * u) * (self.k[0] + 2 * self.k[1] * r2)
        )
        return by_u @ np.array([[1.0, 0.0, -u[0]], [0.0, 1.0, -u[1]]]) / x[2]


class BundleView:
    """A point seen by a camera, by the rotation vector and the translation of that camera.

    The derivative of Rodrigues' formula is that of Gallego & Yezzi (2015), in compact form.
    """

    point = np.array([0.3, -0.2, 0.4, 0.1, 0.2, 3.0])

    def __init__(self, seen=(0.5, -0.4, 1.2), focal=400.0):
        self.seen, self.focal = np.array(seen), focal

    @staticmethod
    def rotation(v):
        angle = np.sqrt(np.sum(v**2))
        K = skew(v / angle)
        return np.eye(3) + np.sin(angle) * K + (1.0 - np.cos(angle)) * K @ K

    def value(self, x):
        self.pose = (x[:3], x[3:])
        return self.project()

    def project(self):
        rotation, translation = self.pose
        self.local = self.rotation(rotation) @ self.seen + translation
        return self.focal * self.local[:2] / self.local[2]

    def jacobian(self, x):
        v, t = x[:3], x[3:]
        R = self.rotation(v)
        p = R @ self.seen + t
        by_p = self.focal / p[2] * np.array([[1.0, 0.0, -p[0] / p[2]], [0.0, 1.0, -p[1] / p[2]]])
        by_v = -R @ skew(self.seen) @ (np.outer(v, v) + (R.T - np.eye(3)) @ skew(v)) / (v @ v)
        return np.hstack([by_p @ by_v, by_p])


class Enzyme:
    """Michaelis and Menten with competitive inhibition, by the two concentrations and Vmax."""

    point = np.array([2.0, 0.7, 1.3])

    def __init__(self, km=0.5, ki=0.9):
        self.km, self.ki = km, ki
        self.rates = {}

    def value(self, x):
        s, i, vmax = x
        self.rates["apparent"] = self.km * (1.0 + i / self.ki)
        self.rates["v"] = vmax * s / (self.rates["apparent"] + s)
        return [-self.rates["v"], self.rates["v"] * 0.5 - 0.1 * i]

    def jacobian(self, x):
        s, i, vmax = x
        apparent = self.km * (1.0 + i / self.ki)
        by_s = vmax * apparent / (apparent + s) ** 2
        by_i = -vmax * s * self.km / self.ki / (apparent + s) ** 2
        by_vmax = s / (apparent + s)
        return np.array([[-by_s, -by_i, -by_vmax], [by_s / 2, by_i / 2 - 0.1, by_vmax / 2]])


class Robertson:
    """The stiff autocatalysis of Robertson (1966); counts calls, and keeps its rates."""

    point = np.array([0.7, 2e-5, 0.3])

    def __init__(self, k=(0.04, 3e7, 1e4)):
        self.k = k
        self.rates = [0.0] * 3
        self.calls = 0

    def value(self, x):
        self.calls += 1
        a, b, c = x
        self.rates[0] = self.k[0] * a
        self.rates[1] = self.k[1] * b * b
        self.rates[2] = self.k[2] * b * c
        dydt = np.empty_like(x)
        dydt[0] = -self.rates[0] + self.rates[2]
        dydt[1] = self.rates[0] - self.rates[2] - self.rates[1]
        dydt[2] = self.rates[1]
        self.dydt = dydt
        return dydt

    def jacobian(self, x):
        _, b, c = x
        p, q, r = self.k
        return np.array(
            [[-p, r * c, r * b], [p, -r * c - 2 * q * b, -r * b], [0.0, 2 * q * b, 0.0]]
        )


class Attitude:
    """A vector turned by a quaternion w, x, y, z that a setter normalizes."""

    point = np.array([0.8, 0.3, -0.4, 0.5])

    def __init__(self, vector=(1.0, -2.0, 0.5)):
        self.vector = np.array(vector)
        self.quaternion = np.array([1.0, 0.0, 0.0, 0.0])

    def __setattr__(self, name, value):
        if name == "quaternion":
            value = value / np.linalg.norm(value)
        super().__setattr__(name, value)

    def value(self, x):
        self.quaternion = x
        return self.rotate(self.vector)

    def rotate(self, v):
        w, u = self.quaternion[0], self.quaternion[1:]
        t = 2.0 * np.cross(u, v)
        return v + w * t + np.cross(u, t)

    def jacobian(self, x):
        n = np.linalg.norm(x)
        q, v = x / n, self.vector
        w, u = q[0], q[1:]
        by_w = 2.0 * np.cross(u, v)
        by_u = -2.0 * w * skew(v) + 2.0 * (u @ v * np.eye(3) + np.outer(u, v) - 2 * np.outer(v, u))
        return np.column_stack([by_w, by_u]) @ (np.eye(4) - np.outer(q, q)) / n


class Decay:
    """Residuals of a sum of exponentials, kept as a fit keeps them between its steps."""

    point = np.array([2.0, 0.8, 0.5, 0.1])

    def __init__(self):
        self.t = np.linspace(0.0, 5.0, 9)
        self.data = 1.8 * np.exp(-0.9 * self.t) + 0.6 * np.exp(-0.15 * self.t)
        self.best = self.last_residual = None

    def value(self, x):
        self.last_residual = self.model(x) - self.data
        cost = 0.5 * np.dot(self.last_residual, self.last_residual)
        if self.best is None or cost < 1e30:
            self.best, self.parameters = cost, x
        return self.last_residual

    def model(self, x):
        return x[0] * np.exp(-x[1] * self.t) + x[2] * np.exp(-x[3] * self.t)

    def jacobian(self, x):
        e, g = np.exp(-x[1] * self.t), np.exp(-x[3] * self.t)
        return np.column_stack([e, -x[0] * self.t * e, g, -x[2] * self.t * g])


class CartAndPole:
    """The accelerations of a cart with a pole, by position, speed, angle, its rate and force."""

    point = np.array([0.1, 0.4, 0.3, -0.7, 2.0])

    def __init__(self, cart=1.0, pole=0.2, length=0.6, g=9.81):
        self.cart, self.pole, self.length, self.g = cart, pole, length, g
        self.history = {"force": [], "energy": []}

    def value(self, x):
        _, speed, angle, rate, force = x
        s, c = np.sin(angle), np.cos(angle)
        self.effective_mass = self.cart + self.pole * s**2
        self.history["force"].append(force)
        self.history["energy"] += [0.5 * self.cart * speed**2]
        push = force + self.pole * s * (self.length * rate**2 + self.g * c)
        turn = -force * c - self.pole * self.length * rate**2 * c * s
        turn -= (self.cart + self.pole) * self.g * s
        return np.array([push / self.effective_mass, turn / (self.length * self.effective_mass)])

    def jacobian(self, x):
        _, _, angle, rate, force = x
        s, c, m, l, g = np.sin(angle), np.cos(angle), self.pole, self.length, self.g  # noqa: E741
        M, mass = self.cart + m * s**2, self.cart + m
        push = force + m * s * (l * rate**2 + g * c)
        turn = -force * c - m * l * rate**2 * c * s - mass * g * s
        by_angle = (
            (m * c * (l * rate**2 + g * c) - m * g * s**2) / M - push * 2 * m * s * c / M**2,
            (force * s - m * l * rate**2 * (c**2 - s**2) - mass * g * c) / (l * M)
            - turn * 2 * m * s * c / (l * M**2),
        )
        by_rate = 2 * m * s * l * rate / M, -2 * m * l * rate * c * s / (l * M)
        return np.column_stack([(0.0, 0.0), (0.0, 0.0), by_angle, by_rate, (1 / M, -c / (l * M))])


MODELS = (
    Odometry, TurningTarget, RangeAndBearing, TwoLinks, NLinks, Arm, Camera, BundleView, Enzyme,
    Robertson, Attitude, Decay, CartAndPole,
)  # fmt: skip
