"""A module of a user's, whose functions test_adapt.py differentiates as they are."""

import math
from math import sqrt as root

import numpy
import numpy as np
from numpy import zeros

SCALE = 3.0
calls = 0


def filled(x):
    out = zeros(len(x))
    for i in range(len(x)):
        out[i] = SCALE * math.sin(x[i])
    return out


def counted(x):
    global calls
    calls += 1
    return calls * numpy.array([root(x[0]), x[1] * x[2]])


class Base:
    factor = 2.0

    def scaled(self, x):
        out = np.empty(3)
        out[:] = self.factor * x
        return out


class Model(Base):
    def __init__(self, shift):
        self.shift = shift
        self.uses = 0

    @property
    def weights(self):
        return np.array([1.0, 2.0, 3.0])

    @staticmethod
    def squares(x):
        out = np.zeros_like(np.ones(3))
        for i, v in enumerate(x):
            out[i] = math.pow(v, 2)
        return out

    @classmethod
    def cubes(cls, x):
        return cls.squares(x) * x * cls.factor

    def scaled(self, x):
        return super().scaled(x) + self.shift

    def __call__(self, x):
        self.uses += 1
        return self.scaled(x) * self.weights + self.squares(x) - self.cubes(x)


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = a

    def times(self, x):
        return self.a * x


MODEL = Model(1.0)
