"""What is said where a program cannot be saved, or a saved one cannot be used."""


class Unsaved(NotImplementedError):
    """A prepared function that cannot be kept for another process; the message says why."""


class Unusable(ValueError):
    """A saved program that is not, or may no longer be, that of f here; the message says why."""


AGAIN = "Prepare it again, and save it."
