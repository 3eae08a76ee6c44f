"""What a process is told of its place among the others, and how it takes it."""

import ctypes
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

# linux/prctl.h
_PR_SET_PDEATHSIG = 1

KEEPER = 1
"""The number of the process that keeps the volume."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """Place *number* (from 1) among *of*.  The descriptors are inherited from the process *supervisor*.

    *owner* names what this very process holds in the catalog; *since* is when the deployment began (POSIX seconds).
    """

    number: int
    of: int
    owner: str
    since: float
    supervisor: int
    channel: int
    lock: int
    listening: tuple[int, ...]
    folder: str
    """Where the processes meet: sockets and counters, for this life only."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the seat that `to_text` spelled; it is never written by hand."""
        fields = json.loads(text)
        return cls(**fields | {"listening": tuple(fields["listening"])})

    def to_text(self) -> str:
        return json.dumps(asdict(self))

    @property
    def is_keeper(self) -> bool:
        return self.number == KEEPER

    @property
    def inherited(self) -> tuple[int, ...]:
        return (self.channel, self.lock, *self.listening)

    @property
    def messages(self) -> Path:
        return Path(self.folder, "messages")

    @property
    def counters(self) -> Path:
        return Path(self.folder, "counters")

    @property
    def turns(self) -> Path:
        """Whose lock lets one process write to the log at a time."""
        return Path(self.folder, "turns")

    def share_of(self, total: int) -> int:
        """Return this process's part of *total*: all parts add up to it, but nobody gets nothing."""
        return max(1, total // self.of + (self.number <= total % self.of))

    def take(self) -> None:
        """Die when the supervisor does, and hand down no descriptor; raise `SystemExit` when it has died already.

        Without its supervisor nobody would keep this process from serving a volume that another instance takes over.
        """
        for descriptor in self.inherited:
            os.set_inheritable(descriptor, False)
        if sys.platform == "linux":
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self.supervisor:
            raise SystemExit("the supervisor is gone")
