"""Chunks handed to an executor, and what becomes of those that it loses.

A worker that is killed takes its chunk with it; schedulers compute that again by themselves, and a
pool of processes is broken.  What such a pool has lost or never begun is computed here.
"""

import os
import time
import warnings
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, wait

from dualmc.chunks.sending import name_of
from dualmc.chunks.task import Chunk, Failed, run, version


def count_of(executor):
    """How many chunks `executor` computes at a time."""
    client = getattr(executor, "_client", None)  # of dask.distributed
    if client is not None and hasattr(client, "nthreads"):
        try:
            return max(1, sum(client.nthreads().values()))
        except Exception:  # it is closed, which it says when it is given a task
            return 1
    for name in ("_max_workers", "num_workers", "max_workers"):
        count = getattr(executor, name, None)
        if isinstance(count, int) and count > 0:
            return count
    return os.cpu_count() or 1


# Asked of workers before they are sent what they could not open: it needs Python alone.
_VERSION = "__import__('dualmc').__version__"
MOST_ASKED = 32


def asked(executor, count, caller):
    """The questions to workers of `executor` whether they have dualmc, for `check_answers`."""
    serials = range(min(count, MOST_ASKED))  # which tell them apart for who remembers results
    try:
        return [executor.submit(eval, f"{_VERSION}  # {time.time_ns()} {i}") for i in serials]
    except Exception as error:
        raise RuntimeError(
            f"{caller}: executor= takes no tasks ({error}). It was shut down, or one of its "
            f"workers has ended: give a new one."
        ) from error


def check_answers(answers, caller):
    """Raise `RuntimeError` where a worker has no dualmc, or another version."""
    for future in answers:
        try:
            there = future.result()
        except ImportError as error:
            raise RuntimeError(
                f"{caller}: a worker of executor= cannot import dualmc ({error}). Install dualmc, "
                f"and what f needs, where the workers run."
            ) from error
        except (BrokenExecutor, CancelledError):  # told with the chunks that are lost by that
            return
        if there != version():
            raise RuntimeError(
                f"{caller}: a worker of executor= has dualmc {there}, and this process has "
                f"{version()}. Install the same in both."
            )


def computed(call, gaps, widths, executor):
    """The chunks of `gaps`, pairs (begin, end), as they are finished, in any order."""
    if executor is not None:
        gaps = yield from _handed_out(call, gaps, widths, executor)
    for begin, end in _cut(gaps, widths):
        yield _checked(run(call, begin, end), call, begin, end)


def _cut(gaps, widths):
    left = sum(end - begin for begin, end in gaps)
    for begin, end in gaps:
        while begin < end:
            width = min(end - begin, widths.next(left))
            yield begin, begin + width
            begin, left = begin + width, left - width


def _handed_out(call, gaps, widths, executor):
    """Yields the chunks; returns those that the executor has lost, to be computed here."""
    caller = call.request.caller
    left = sum(end - begin for begin, end in gaps)
    waiting, lost, problem = {}, [], None
    cuts = _cut(gaps, widths)
    try:
        while True:
            while problem is None and len(waiting) < 2 * widths.workers:
                place = next(cuts, None)
                if place is None:
                    break
                try:
                    waiting[executor.submit(run, call, *place)] = place
                except RuntimeError as error:  # shut down, or broken
                    problem = error
                    lost.append(place)
                except Exception as error:
                    raise call.problem or _told(error, call, *place) from error
            if not waiting:
                break
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                place = waiting.pop(future)
                try:
                    chunk = _checked(_result(future, call, place), call, *place)
                except (BrokenExecutor, CancelledError) as error:
                    problem = problem or error
                    lost.append(place)
                    continue
                left -= place[1] - place[0]
                widths.learn(place[1] - place[0], chunk.seconds, left)
                yield chunk
    finally:
        for future in waiting:
            future.cancel()
    if problem is None:
        return []
    lost += cuts
    count = sum(end - begin for begin, end in lost)
    warnings.warn(
        f"{caller}: the executor was lost ({type(problem).__name__}: {problem}): it was shut down, "
        f"or a worker has ended (killed, out of memory, or unable to import what it needs). What "
        f"was finished is kept; the other {count} {call.unit} of {name_of(call.request.f)} are "
        f"computed here.",
        RuntimeWarning,
        stacklevel=2,
    )
    return sorted(lost)


def _result(future, call, place):
    """What the task has returned; an error is not f's."""
    try:
        return future.result()
    except (BrokenExecutor, CancelledError):
        if call.problem is not None:
            raise call.problem from None
        raise
    except Exception as error:
        raise call.problem or _told(error, call, *place) from None


def _told(error, call, begin, end):
    error.add_note(
        f"The executor raised this for {call.unit} {begin} to {end - 1}; f itself did not. If "
        f"workers ended, they may have run out of memory: give a smaller chunk_size."
    )
    return error


def _checked(found, call, begin, end):
    """The chunk; or the error that f raised, which says in which chunk."""
    if type(found) is Chunk:
        return found
    assert type(found) is Failed
    error = found.error
    error.add_note(f"This was in the chunk of {call.unit} {begin} to {end - 1}.")
    if found.text:
        error.add_note(f"In the worker:\n{found.text}")
    raise error
