"""What a cache folder holds, and what of it has to go."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Going a little further than needed spares the next writers a look at the whole folder.
_LEAVE = 0.9


@dataclass(frozen=True, slots=True)
class Weighed:
    """A file; *used* is when it was last read or made, in seconds."""

    path: Path
    size: int
    used: float


def weigh(root: Path, used: Mapping[Path, float]) -> list[Weighed]:
    """Return all files two folders below *root*; *used* knows of reads that the files do not tell yet."""
    found = []
    for entry in _files(root, depth=2):
        with suppress(FileNotFoundError):
            facts, path = entry.stat(follow_symlinks=False), Path(entry.path)
            found.append(Weighed(path, facts.st_size, max(facts.st_mtime, used.get(path, 0.0))))
    return found


def removals(found: Sequence[Weighed], *, budget: int, size: int) -> list[Weighed]:
    """Return the least recently used that must go so that *size* more bytes fit in; none if they do."""
    total = sum(each.size for each in found)
    if total + size <= budget:
        return []
    gone: list[Weighed] = []
    for each in sorted(found, key=lambda each: each.used):
        if total <= max(0, int(budget * _LEAVE) - size):
            break
        gone.append(each)
        total -= each.size
    return gone


def _files(folder: Path, *, depth: int) -> Iterator[os.DirEntry[str]]:
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                if not depth:
                    yield entry
            elif depth and not entry.name.startswith("."):
                yield from _files(Path(entry.path), depth=depth - 1)
