"""Each function in a process of its own, with a limit of time: none can hang or end the survey."""

import contextlib
import multiprocessing
import os
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from dualmc.cli.surveying.targets import Subject
from dualmc.cli.surveying.trial import CRASHES, FAILS, SLOW, Finding, tried


class _Run:
    """A function under way: its process, what was heard of it last, and when its time is over."""

    def __init__(self, context: Any, subject: Subject, given: Mapping[str, Any], seconds: float):
        self.subject = subject
        self.seconds = seconds
        self.connection, other = context.Pipe(duplex=False)
        self.process = context.Process(target=_child, args=(other, subject, given), daemon=True)
        self.process.start()
        other.close()
        self.end = time.monotonic() + seconds
        self.latest = Finding(subject.name, SLOW, reason="it did not start within the limit")
        self.finding: Finding | None = None

    def listen(self) -> None:
        """Take what has come; `finding` is what ends it."""
        try:
            while self.finding is None and self.connection.poll():
                is_last, found = self.connection.recv()
                if is_last:
                    self.finding = found
                else:
                    self.latest = found
        except EOFError:
            self.process.join()
            code = self.process.exitcode or 0
            how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
            self.finding = Finding(
                self.subject.name,
                CRASHES,
                self.latest.point,
                reason=f"it ended the process ({how})",
                advice="call it on its own, and please report it",
            )
        if self.finding is None and time.monotonic() > self.end:
            self.finding = Finding(
                self.subject.name,
                SLOW,
                self.latest.point,
                reason=f"{self.latest.reason} of {self.seconds:g} s",
                advice="give it more by --seconds, or a smaller point by --at",
            )

    def stop(self) -> None:
        """End the process, and those that it started."""
        if self.process.is_alive():
            with contextlib.suppress(OSError, AttributeError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.kill()
        self.process.join()
        self.connection.close()


def findings(
    subjects: Sequence[Subject],
    given: Mapping[str, Any],
    seconds: float,
    workers: int,
    tell: Callable[[int], None],
) -> list[Finding]:
    """What is found of each of `subjects`, in their order; `tell` hears how many are done."""
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if "fork" in methods else "spawn")
    waiting = list(enumerate(subjects))[::-1]
    running: dict[int, _Run] = {}
    found: dict[int, Finding] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                number, subject = waiting.pop()
                running[number] = _Run(context, subject, given, seconds)
            pause = min(run.end for run in running.values()) - time.monotonic()
            wait([run.connection for run in running.values()], max(0.0, pause) + 0.01)
            for number, run in list(running.items()):
                run.listen()
                if run.finding is not None:
                    found[number] = run.finding
                    del running[number]
                    run.stop()
                    tell(len(found))
    finally:
        for run in running.values():
            run.stop()
    return [found[number] for number in range(len(subjects))]


def _child(connection: Connection, subject: Subject, given: Mapping[str, Any]) -> None:
    """Try `subject`, in silence and in an empty directory, and send what is found."""
    with contextlib.suppress(OSError, AttributeError):
        os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    warnings.simplefilter("ignore")
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as directory:
        try:
            subject.load()
            os.chdir(directory)
            found = tried(subject, given, lambda finding: connection.send((False, finding)))
        except BaseException as error:
            reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            found = Finding(subject.name, FAILS, reason=reason)
        os.chdir(here)
    connection.send((True, found))
    connection.close()
