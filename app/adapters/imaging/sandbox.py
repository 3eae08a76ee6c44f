"""What a worker gives up before it sees its first picture."""

import ctypes
import os
import resource
import signal
from contextlib import suppress

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38

_OPEN_FILES = 32


def enter(*, memory_limit: int, parent: int) -> None:
    """Give up privileges, files and memory beyond *memory_limit* bytes; die when *parent* does.

    CPU time is not limited: a worker lives for many pictures, and the pool kills a slow one by the clock.
    """
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before its death could be a signal.
    if os.getppid() != parent:
        raise SystemExit("the parent is gone")
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_AS, memory_limit)


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    # Some systems have no such limit, macOS for address space.
    with suppress(ValueError, OSError):
        resource.setrlimit(kind, (value, value))


def _prctl(option: int, value: int) -> None:
    # Linux only; elsewhere the closing pipe ends an orphan a little later.
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
