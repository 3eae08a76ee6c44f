"""A process's place among the others, and its part of what bounds them all."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from app.config import Settings
from app.fleet.seat import Seat
from app.fleet.shares import share_out

ROOT = Path(__file__).parents[2]
SEAT = Seat(
    number=1,
    of=3,
    owner="a1",
    since=1.5,
    supervisor=7,
    channel=3,
    lock=4,
    listening=(5, 6),
    folder="/tmp/x",  # noqa: S108 (never opened)
)


def seats(of: int) -> list[Seat]:
    return [dataclasses.replace(SEAT, number=number + 1, of=of) for number in range(of)]


def test_a_seat_reads_back_as_it_was_spelled() -> None:
    assert Seat.parse(SEAT.to_text()) == SEAT


@pytest.mark.parametrize(("total", "parts"), [(8, [3, 3, 2]), (9, [3, 3, 3]), (2, [1, 1, 1]), (1, [1, 1, 1])])
def test_parts_add_up_and_nobody_gets_nothing(total: int, parts: list[int]) -> None:
    assert [seat.share_of(total) for seat in seats(3)] == parts


def test_what_bounds_the_deployment_is_divided_and_the_rest_is_not(tmp_path: Path) -> None:
    whole = Settings.from_env({"IMAGE_STORAGE_PATH": str(tmp_path / "images")}, dotenv=None)
    parts = [share_out(whole, seat) for seat in seats(2)]

    for name in ("capture_concurrency", "decode_workers", "decode_queue_limit", "max_connections", "image_cache"):
        assert sum(getattr(part, name) for part in parts) == getattr(whole, name)
    assert [part.max_connections_per_address for part in parts] == [128, 128]
    assert {part.source_max_bytes for part in parts} == {whole.source_max_bytes}


def test_what_is_off_or_without_bound_stays_so(tmp_path: Path) -> None:
    known = {"MAX_CONNECTIONS_PER_ADDRESS": "0", "IMAGE_CACHE_MB": "0"}
    part = share_out(Settings.from_env(known | {"IMAGE_STORAGE_PATH": str(tmp_path / "images")}, dotenv=None), SEAT)

    assert part.max_connections_per_address is None
    assert part.image_cache == 0


def test_a_process_whose_supervisor_has_died_already_takes_no_seat() -> None:
    seat = dataclasses.replace(SEAT, supervisor=1, channel=0, lock=1, listening=())
    program = f"from app.fleet.seat import Seat; Seat.parse({seat.to_text()!r}).take()"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (1, "the supervisor is gone\n")
