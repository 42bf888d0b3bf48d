"""Functions for workers, in a module that they load in no time."""

import os
import pickle
import signal
import time
from pathlib import Path


def once(path, act):
    """What a function returns in the first worker that comes here, and None in every other."""
    try:
        Path(path).touch(exist_ok=False)
    except FileExistsError:
        return None
    return act()


def double(number):
    return 2 * number


def killed_once(part):
    path, number = part
    once(path, lambda: os.kill(os.getpid(), signal.SIGKILL))
    return 2 * number


def stuck_once(part):
    path, number = part
    once(path, lambda: time.sleep(600))
    return 2 * number


def nan_once(part):
    path, number = part
    return once(path, lambda: float("nan")) or 2 * number


def fails(part):
    raise ValueError("there is no such policy")


def ends(part):
    raise SystemExit(0)


def unsendable(part):
    return lambda: part


class _Unloadable:
    def __reduce__(self):
        return fails, (None,)


def unloadable(part):
    return _Unloadable()


def always_killed(part):
    os.kill(os.getpid(), signal.SIGSEGV)


def killed_in_an_answer(part):
    """Die while the answer is under way: the supervisor must not wait for the rest of it."""

    def cut_off(answer, file):
        file.write(pickle.dumps(answer)[:-1])
        file.flush()
        os._exit(9)

    pickle.dump = cut_off  # what the worker sends its answers with; it is a process of its own
    return part


def forks(part):
    """Leave a child that holds all that the worker holds; return its process."""
    child = os.fork()
    if child == 0:
        signal.pause()
    return child
