"""Reading what strace wrote, and judging it."""

from pathlib import Path

from benchmarks.reliability import syscalls
from benchmarks.reliability.trace import Ack, judge

STORED = """\
9 write(7</d/images/.staging/a1>, "PNG", 3) = 3
9 fsync(7</d/images/.staging/a1>) = 0
9 link("/d/images/.staging/a1", "/d/images/ana/one.png") = 0
9 fsync(8</d/images/ana>) = 0
9 pwrite64(5</d/holdfast.db-wal>, "frame", 5, 0) = 5
9 fdatasync(5</d/holdfast.db-wal>) = 0
9 sendto(6<socket:[1]>, "HTTP/1.1 201 Created\\r\\n", 24, 0, NULL, 0) = 24
"""


def judged(tmp_path: Path, text: str, *, is_deletion: bool = False) -> list[str]:
    (tmp_path / "trace").write_text(text)
    calls = syscalls.read(tmp_path / "trace")
    answer = next(call for call in calls if call.answer)
    return judge(calls, Ack("ana/one.png", is_deletion=is_deletion), since=-1, answer=answer, root="/d")


def without(text: str, start: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(start))


def test_the_right_order_is_found_right(tmp_path: Path) -> None:
    assert judged(tmp_path, STORED) == []


def test_a_missing_directory_sync_is_named(tmp_path: Path) -> None:
    (problem,) = judged(tmp_path, without(STORED, "9 fsync(8"))

    assert "directory had no fsync" in problem


def test_a_sync_that_has_not_returned_counts_for_nothing(tmp_path: Path) -> None:
    begun = STORED.replace("fdatasync(5</d/holdfast.db-wal>) = 0", "fdatasync(5</d/holdfast.db-wal> <unfinished ...>")

    problems = judged(tmp_path, begun + "9 <... fdatasync resumed>) = 0\n")

    assert any("log not synced" in problem for problem in problems)


def test_a_sync_that_another_thread_interrupts_counts(tmp_path: Path) -> None:
    split = STORED.replace(
        "9 fsync(8</d/images/ana>) = 0",
        "9 fsync(8</d/images/ana> <unfinished ...>\n3 write(1<pipe:[4]>, 1) = 1\n9 <... fsync resumed>) = 0",
    )

    assert judged(tmp_path, split) == []


def test_a_call_that_failed_did_nothing(tmp_path: Path) -> None:
    failed = STORED.replace("fsync(8</d/images/ana>) = 0", "fsync(8</d/images/ana>) = -1 EIO (Input/output error)")

    assert len(judged(tmp_path, failed)) == 1


def test_an_unlink_before_the_commit_is_named(tmp_path: Path) -> None:
    gone = '9 unlink("/d/images/ana/one.png") = 0\n9 fsync(8</d/images/ana>) = 0\n'
    text = gone + without(without(STORED, "9 link"), "9 fsync").replace("201", "204")

    (problem,) = judged(tmp_path, text, is_deletion=True)

    assert "before the tombstone was committed" in problem
