"""The judge: compares files and rows with what the app was told, by the standard library alone, asking no service."""

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks.reliability import audit_talk
from benchmarks.reliability.stage import Promise

# By the generation, for a tombstone has forgotten its job.
_OUTPUTS = """
    SELECT generations.job_id, output_index, images.status
    FROM images JOIN generations ON generations.id = generation_id
"""
_IMAGES = "SELECT user_id || '/' || id AS name, status, extension, sha256, unlink_owed FROM images"


def as_left(folder: Path, promises: Sequence[Promise], *, ruined: Collection[str] = ()) -> list[str]:
    """Return what is wrong with a folder as a dead process left it.

    No stored row may be without its bytes, ever; and what was said to be so was so before it was said.
    """
    with _catalog(folder) as catalog:
        known = {name: (status, extension, sha256) for name, status, extension, sha256, _ in _images(catalog)}
        problems = audit_talk.as_left(catalog, promises)
    for name, (status, extension, sha256) in known.items():
        if status == "stored" and name not in ruined:
            problems += _wrong_bytes(folder, f"{name}.{extension}", sha256)
    for name, promise in _last(promises).items():
        if promise.what != "promised" and name not in ruined:
            problems += _broken(name, promise, known)
    return [f"before recovery: {problem}" for problem in problems]


def after_recovery(
    folder: Path, promises: Sequence[Promise], *, strangers: Collection[str] = (), ruined: Collection[str] = ()
) -> list[str]:
    """Return what is wrong once the service has recovered and come to rest.  *strangers* are SHA-256."""
    with _catalog(folder) as catalog:
        rows = _images(catalog)
        problems = audit_talk.after_recovery(catalog, promises)
    known = {name: (status, extension, sha256) for name, status, extension, sha256, _ in rows}
    problems += [f"{name} still owes an unlink" for name, *_, unlink_owed in rows if unlink_owed]
    problems += [problem for name, row in known.items() for problem in _wrong_row(folder, name, row, set(ruined))]
    stored = {f"{name}.{extension}" for name, (status, extension, _) in known.items() if status == "stored"}
    problems += [f"{file} belongs to no stored image" for file in _files(folder) if file not in stored]
    for name, promise in _last(promises).items():
        if name not in ruined:
            problems += _broken(name, promise, known)
    return problems + _vanished(folder, set(strangers)) + _unexplained(folder, strangers, ruined)


def outputs(folder: Path) -> list[tuple[str, int, str]]:
    """Return job, index and status of every image that is a job's output, while the service runs."""
    with closing(sqlite3.connect(f"file:{folder}/holdfast.db?mode=ro", uri=True)) as connection:
        return connection.execute(_OUTPUTS).fetchall()


def staging(folder: Path) -> list[str]:
    """Return what lies in staging, where after a start nothing may."""
    return [f"left in staging: {path.name}" for path in (folder / "images/.staging").iterdir()]


def _wrong_row(folder: Path, name: str, row: tuple[str, str, str], ruined: set[str]) -> list[str]:
    status, extension, sha256 = row
    if status == "stored":
        return _wrong_bytes(folder, f"{name}.{extension}", sha256)
    if status == "deleted" or name in ruined:
        return []
    return [f"{name} ended as {status}"]


def _broken(name: str, promise: Promise, known: dict[str, tuple[str, str, str]]) -> list[str]:
    status, _, sha256 = known.get(name, ("unknown", "", ""))
    if promise.what in {"stored", "promised"}:
        if status != "stored":
            return [f"{name} was promised and is {status}"]
        return [] if sha256 == promise.sha256 else [f"{name} has other bytes than were promised"]
    if promise.what == "deleted" and status != "deleted":
        return [f"{name} was deleted and is {status}"]
    return []


def _last(promises: Sequence[Promise]) -> dict[str, Promise]:
    """Return what holds in the end: a deletion that was begun takes a promise back, one that is asked for again not."""
    last: dict[str, Promise] = {}
    for promise in promises:
        name = f"{promise.user}/{promise.image}"
        if promise.what == "begun" and name in last:
            continue
        if promise.what == "deleting" and name in last and last[name].what == "deleted":
            continue
        last[name] = promise
    return last


def _wrong_bytes(folder: Path, file: str, sha256: str) -> list[str]:
    path = folder / "images" / file
    if not path.exists():
        return [f"{file} is stored and has no file"]
    return [] if _sha256(path) == sha256 else [f"{file} is stored with other bytes"]


def _vanished(folder: Path, strangers: set[str]) -> list[str]:
    there = {_sha256(path) for path in (folder / "images").rglob("*") if path.is_file()}
    return [f"bytes that lay there before are gone: {stranger[:12]}" for stranger in strangers - there]


def _unexplained(folder: Path, strangers: Collection[str], ruined: Collection[str]) -> list[str]:
    if strangers or ruined:
        return []
    aside = [path.name for path in (folder / "images/.quarantine").rglob("*") if path.is_file()]
    return [f"set aside without need: {name}" for name in aside]


def _files(folder: Path) -> Iterator[str]:
    for path in (folder / "images").glob("[!.]*/*"):
        yield f"{path.parent.name}/{path.name}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def _catalog(folder: Path) -> Iterator[sqlite3.Connection]:
    with _copied(folder) as connection:
        _require_sound(connection)
        yield connection


def _images(catalog: sqlite3.Connection) -> list[tuple[str, str, str, str, int]]:
    has_images = catalog.execute("SELECT 1 FROM sqlite_master WHERE name = 'images'").fetchone()
    return catalog.execute(_IMAGES).fetchall() if has_images else []


@contextmanager
def _copied(folder: Path) -> Iterator[sqlite3.Connection]:
    """Yield the catalog's copy: whoever opens a database changes the state its death left it in."""
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        for path in folder.glob("holdfast.db*"):
            shutil.copy(path, aside)
        with closing(sqlite3.connect(Path(aside) / "holdfast.db")) as connection:
            yield connection


class Unsound(Exception):
    """The catalog itself is damaged."""


def _require_sound(connection: sqlite3.Connection) -> None:
    for pragma in ("integrity_check", "foreign_key_check"):
        found = connection.execute(f"PRAGMA {pragma}").fetchall()
        if found not in ([("ok",)], []):
            raise Unsound(f"{pragma}: {found}")
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'changes'").fetchone():
        return
    gaps = connection.execute(
        "SELECT user_id FROM users LEFT JOIN changes USING (user_id) GROUP BY user_id, last_change "
        "HAVING count(sequence) != last_change OR coalesce(max(sequence), 0) != last_change"
    ).fetchall()
    if gaps:
        raise Unsound(f"the log of changes has gaps: {gaps}")
