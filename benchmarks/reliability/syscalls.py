"""Reads what `strace -f -y` writes: calls with the moment they began and the moment they had returned."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TRACED = (
    "write,writev,pwrite64,sendto,sendmsg,fsync,fdatasync,link,linkat,rename,renameat,renameat2,unlink,unlinkat,"
    "mkdir,mkdirat"
)

_CALL = re.compile(r"^(\d+) +(\w+)\((.*)$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")
_DESCRIPTOR = re.compile(r"^\d+<([^>]*)>")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FAILED = re.compile(r"= -1 E\w+ \([^)]*\)$")


@dataclass(slots=True)
class Call:
    """*begun* and *done* are line numbers, so they order calls of all threads.  *path* is what it works on."""

    name: str
    path: str
    begun: int
    done: int
    texts: tuple[str, ...]

    @property
    def is_sync(self) -> bool:
        return self.name in {"fsync", "fdatasync"}

    @property
    def is_write(self) -> bool:
        return self.name in {"write", "writev", "pwrite64"}

    @property
    def answer(self) -> int | None:
        """The status of the HTTP answer this call sends, if it does."""
        if self.name in {"sendto", "sendmsg", "write", "writev"} and self.texts and self.path.startswith("socket:"):
            words = self.texts[0].split(" ")
            return int(words[1]) if words[0] == "HTTP/1.1" and words[1].isdigit() else None
        return None


def read(trace: Path) -> list[Call]:
    """Return the calls that succeeded, in the order they began."""
    return sorted(_calls(trace), key=lambda call: call.begun)


def _calls(trace: Path) -> Iterator[Call]:
    unfinished: dict[str, tuple[int, str, str]] = {}
    with trace.open(errors="replace") as lines:
        for number, text in enumerate(lines):
            line = text.rstrip("\n")
            if found := _CALL.match(line):
                thread, name, rest = found.groups()
                if rest.endswith("<unfinished ...>"):
                    unfinished[thread] = (number, name, rest)
                elif not _FAILED.search(rest):
                    yield _call(name, rest, number, number)
            elif found := _RESUMED.match(line):
                thread, name, rest = found.groups()
                begun, _, arguments = unfinished.pop(thread, (number, name, ""))
                if not _FAILED.search(rest):
                    yield _call(name, arguments, begun, number)


def _call(name: str, arguments: str, begun: int, done: int) -> Call:
    texts = tuple(_QUOTED.findall(arguments))
    descriptor = _DESCRIPTOR.match(arguments)
    path = descriptor.group(1) if descriptor else (texts[-1] if texts else "")
    return Call(name, path, begun, done, texts)
