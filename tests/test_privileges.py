"""From root to nobody, tried for real in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
UID = 10001
PROGRAM = """
import json, os
from pathlib import Path
from app.privileges import drop_privileges

def attempt(call):
    try:
        call()
    except PermissionError:
        return "refused"
    return "done"

drop_privileges(Path("{data}"), uid=10001)
report = dict(
    ids=[os.getuid(), os.geteuid(), os.getgid(), os.getegid()],
    groups=os.getgroups(),
    write=attempt(lambda: Path("new").write_text("x")),
    back=attempt(lambda: os.setuid(0)),
)
drop_privileges(Path("never-made"), uid=10002)
print(json.dumps(report | dict(again=os.getuid(), made=os.path.exists("never-made"))))
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def drop(data: Path) -> dict[str, Any]:
    # The folders above belong to root alone, so the process is in its folder before it drops.
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("{data}", str(data))],
        cwd=data if data.exists() else data.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
        text=True,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data" / "images" / "ana").mkdir(parents=True)
    (tmp_path / "data" / "holdfast.db").touch()
    return tmp_path / "data"


def test_the_process_becomes_the_user_for_good(data: Path) -> None:
    assert drop(data) == {
        "ids": [UID] * 4,
        "groups": [],
        "write": "done",
        "back": "refused",
        "again": UID,
        "made": False,
    }


def test_the_folder_and_what_lies_in_it_change_owner_and_nothing_deeper(data: Path) -> None:
    drop(data)
    owners = [path.stat().st_uid for path in (data, data / "images", data / "holdfast.db", data / "images" / "ana")]
    assert owners == [UID, UID, UID, 0]


def test_a_link_out_of_the_folder_is_not_followed(data: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.touch()
    (data / "link").symlink_to(outside)
    drop(data)
    assert (outside.stat().st_uid, (data / "link").lstat().st_uid) == (0, UID)


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    drop(tmp_path / "data")
    assert (tmp_path / "data").stat().st_uid == UID
