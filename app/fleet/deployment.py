"""What the processes of one deployment share, and how one of them is started."""

import fcntl
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from app.adapters.blobs.instance import open_lock
from app.config import Settings
from app.fleet.addresses import listen_apart
from app.fleet.member import Member
from app.fleet.seat import Seat


class Deployment:
    """The sockets, the volume's lock and the meeting place of all processes; `opened` makes one."""

    def __init__(
        self,
        *,
        listeners: list[list[socket.socket]],
        lock: int,
        folder: Path,
        environ: Mapping[str, str],
        new_owner: Callable[[], str],
    ) -> None:
        self._listeners = listeners
        self._lock = lock
        self._folder = folder
        # Read when the library is imported, so it cannot be handed over in any other way.
        self._environ = {**environ, "PROMETHEUS_MULTIPROC_DIR": str(folder / "counters")}
        self._new_owner = new_owner
        self._since = time.time()

    @property
    def turns(self) -> Path:
        """As `Seat.turns`."""
        return self._folder / "turns"

    @property
    def port(self) -> int:
        port: int = self._listeners[0][0].getsockname()[1]
        return port

    async def start(self, number: int) -> Member:
        """Start process *number*: the same socket as the one before it on this seat, another name in the catalog."""
        ours, theirs = socket.socketpair()
        seat = Seat(
            number=number,
            of=len(self._listeners),
            owner=self._new_owner(),
            since=self._since,
            supervisor=os.getpid(),
            channel=theirs.fileno(),
            lock=self._lock,
            listening=tuple(listener.fileno() for listener in self._listeners[number - 1]),
            folder=str(self._folder),
        )
        return await Member.start(seat, theirs, ours, self._environ)

    def stop_listening(self) -> None:
        """Let go of the address; each process still has its own sockets."""
        for listeners in self._listeners:
            for listener in listeners:
                listener.close()


@contextmanager
def opened(settings: Settings, environ: Mapping[str, str], *, new_owner: Callable[[], str]) -> Iterator[Deployment]:
    """Yield a deployment that listens already; raise `CannotListen` or `OSError`."""
    listeners = listen_apart(settings.host, settings.port, count=settings.workers)
    with ExitStack() as stack:
        folder = stack.enter_context(_meeting_place())
        lock = open_lock(settings.data_dir)
        stack.callback(os.close, lock)
        deployment = Deployment(listeners=listeners, lock=lock, folder=folder, environ=environ, new_owner=new_owner)
        stack.callback(deployment.stop_listening)
        yield deployment


@contextmanager
def _meeting_place() -> Iterator[Path]:
    """Yield a new folder that only our user can enter; not on the volume, which may be full or far away."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-"))
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Whoever tidies up temporary folders leaves a locked one alone.
        fcntl.flock(held, fcntl.LOCK_SH)
        (folder / "messages").mkdir()
        (folder / "counters").mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)
