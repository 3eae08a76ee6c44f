"""The call counter of `shim.c`: compiled, preloaded, and steered from within the process it watches."""

import ctypes
import shutil
import subprocess
from enum import IntEnum, IntFlag
from pathlib import Path

from benchmarks.reliability.missing import Missing

_SOURCE = Path(__file__).with_name("shim.c")


class Kind(IntFlag):
    """What a call does; the numbers are those of `shim.c`."""

    LOOK = 1
    OPEN = 2
    CREATE = 4
    READ = 8
    WRITE = 16
    SYNC = 32
    NAME = 64
    UNLINK = 128
    FOLDER = 256
    CUT = 512


CHANGES = Kind.CREATE | Kind.WRITE | Kind.SYNC | Kind.NAME | Kind.UNLINK | Kind.FOLDER | Kind.CUT
ALL = CHANGES | Kind.LOOK | Kind.OPEN | Kind.READ


class Action(IntEnum):
    """What happens at the N-th call; the numbers are those of `shim.c`."""

    NOTHING = 0
    CRASH = 1
    TEAR = 2
    """Half of a write is done, then the process ends."""
    FAIL_ONCE = 3
    FAIL_ON = 4
    """It fails, and so does every one after it."""


def compile_shim(folder: Path) -> Path:
    """Compile the shim into *folder*; raise `Missing` without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise Missing("there is no C compiler (cc)")
    target = folder / "shim.so"
    if target.exists():
        return target
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(target), str(_SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"the shim does not compile here: {done.stderr.strip()[:200]}")
    return target


class Shim:
    """The shim within this process.  Raises `Missing` where it was not preloaded."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        if not hasattr(self._library, "shim_arm"):
            raise Missing("the shim is not preloaded")
        for name in ("shim_seen", "shim_failed", "shim_failed_syncs"):
            getattr(self._library, name).restype = ctypes.c_long
        self._library.shim_arm.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_int, ctypes.c_int)

    def watch(self, folder: Path) -> None:
        """Count what is opened below *folder* from now on."""
        self._library.shim_watch(str(folder).encode())

    def arm(self, action: Action, *, kinds: Kind, nth: int, error: int, note_to: int) -> None:
        """From here count calls of *kinds*; *action* comes at the *nth*, and is named on *note_to*."""
        self._library.shim_arm(action, kinds, nth, error, note_to)

    def disarm(self) -> None:
        self._library.shim_disarm()

    @property
    def seen(self) -> int:
        return int(self._library.shim_seen())

    @property
    def failed(self) -> int:
        return int(self._library.shim_failed())

    @property
    def failed_syncs(self) -> int:
        return int(self._library.shim_failed_syncs())
