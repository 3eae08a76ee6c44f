"""The cache of bodies: never larger than its budget, read once, and not to be flushed by a look at everything."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.web.hot import bodies as module
from app.web.hot.bodies import Bodies
from app.web.hot.witness import Witness
from tests.support.waiting import until

KIB = 1024
Make = Callable[..., Witness]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(name: str = "one", size: int = KIB, fill: bytes = b"a") -> Witness:
        path = tmp_path / name
        path.write_bytes(fill * size)
        witness = Witness.at(path)
        assert witness is not None
        return witness

    return made


async def kept(bodies: Bodies, witness: Witness, uses: int = 1) -> bytes | None:
    bodies.want(witness, uses)
    await until(lambda: not bodies._loading)
    return bodies.find(witness)


async def test_a_body_is_found_once_it_was_read(make: Make) -> None:
    bodies, one = Bodies(budget=100 * KIB), make()
    assert bodies.find(one) is None
    assert await kept(bodies, one) == b"a" * KIB
    assert bodies.used == 2 * KIB


async def test_a_body_is_read_once_however_many_ask(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    real = module._read

    def read(witness: Witness) -> bytes | None:
        reads.append(witness.path)
        return real(witness)

    monkeypatch.setattr(module, "_read", read)
    bodies, one = Bodies(budget=100 * KIB), make()
    for _ in range(5):
        bodies.want(one, 1)
    await kept(bodies, one)
    await kept(bodies, one)
    assert (len(reads), bodies.used) == (1, 2 * KIB)


@pytest.mark.parametrize(("budget", "is_kept"), [(0, False), (8 * KIB - 1, False), (8 * KIB, True)])
async def test_nothing_larger_than_an_eighth_is_kept(make: Make, budget: int, *, is_kept: bool) -> None:
    bodies = Bodies(budget=budget)
    assert (await kept(bodies, make()) is not None) == is_kept


async def test_what_is_being_read_counts_already(make: Make) -> None:
    bodies = Bodies(budget=10 * KIB)
    for number in range(50):
        bodies.want(make(str(number)), 1)
        assert bodies.used <= 10 * KIB
    await until(lambda: not bodies._loading)
    assert len(bodies._kept) == 5


async def test_the_budget_is_never_exceeded(make: Make) -> None:
    bodies = Bodies(budget=64 * KIB)
    for number in range(200):
        bodies.want(make(str(number), size=1 + number * 41 % (8 * KIB)), uses=number)
        assert bodies.used <= 64 * KIB
        if number % 7 == 0:
            await until(lambda: not bodies._loading)
    await until(lambda: not bodies._loading)
    assert bodies.used == sum(len(each.body) + KIB for each in bodies._kept.values()) <= 64 * KIB


async def test_a_look_at_everything_pushes_nothing_out_that_is_asked_for_often(make: Make) -> None:
    bodies = Bodies(budget=40 * KIB)
    hot = [make(f"hot{number}") for number in range(20)]
    for each in hot:
        await kept(bodies, each)
        for _ in range(100):
            bodies.find(each)
    for number in range(60):
        assert await kept(bodies, make(f"cold{number}"), uses=2) is None
    assert all(bodies.find(each) for each in hot)


async def test_what_is_asked_for_no_more_gives_way_in_time(make: Make) -> None:
    bodies, old, new = Bodies(budget=10 * KIB), [make(f"old{number}") for number in range(5)], make("new")
    for each in old:
        await kept(bodies, each, uses=50)
    for _ in range(100):
        if await kept(bodies, new, uses=3):
            break
    assert bodies.find(new) is not None
    assert bodies.used == 10 * KIB


async def test_the_least_recently_used_goes_first(make: Make) -> None:
    bodies, files = Bodies(budget=10 * KIB), [make(str(number)) for number in range(5)]
    for each in files:
        await kept(bodies, each)
    bodies.find(files[0])
    await kept(bodies, make("new"), uses=9)
    assert [bodies.peek(each) is not None for each in files] == [True, False, True, True, True]


async def test_the_bytes_of_another_file_of_that_name_are_not_these(make: Make) -> None:
    bodies, before = Bodies(budget=100 * KIB), make()
    await kept(bodies, before)
    os.rename(before.path, before.path + ".old")  # noqa: PTH104 (names here are text)
    after = make(fill=b"b")
    assert (bodies.peek(after), bodies.find(after)) == (None, None)
    assert await kept(bodies, after) == b"b" * KIB
    assert bodies.used == 2 * KIB


@pytest.mark.parametrize("size", [0, KIB - 1, KIB + 1])
async def test_a_file_that_changes_while_it_is_read_is_not_kept(
    make: Make, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    bodies, one, opened = Bodies(budget=100 * KIB), make(), Witness.open

    def open_and_change(witness: Witness) -> int | None:
        descriptor = opened(witness)
        Path(witness.path).write_bytes(b"b" * size)
        return descriptor

    monkeypatch.setattr(Witness, "open", open_and_change)
    assert await kept(bodies, one) is None
    assert bodies.used == 0


@pytest.mark.parametrize("harm", [lambda path: path.unlink(), lambda path: os.truncate(path, 5)], ids=["gone", "cut"])
async def test_a_file_that_is_not_what_it_was_is_not_kept(make: Make, harm: Callable[[Path], None]) -> None:
    bodies, one = Bodies(budget=100 * KIB), make()
    harm(Path(one.path))
    assert (await kept(bodies, one), bodies.used) == (None, 0)


async def test_a_disk_that_fails_is_told_and_costs_no_room(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(witness: Witness) -> bytes | None:
        raise OSError(5, "Input/output error")

    bodies, one = Bodies(budget=100 * KIB), make()
    with monkeypatch.context() as patch:
        patch.setattr(module, "_read", fail)
        assert (await kept(bodies, one), bodies.used) == (None, 0)
    assert [record.message for record in caplog.records] == ["a body could not be read into memory"]
    assert await kept(bodies, one) is not None


async def test_what_was_dropped_takes_no_room(make: Make) -> None:
    bodies, one = Bodies(budget=100 * KIB), make()
    await kept(bodies, one)
    for _ in range(2):
        bodies.drop(one.path)
    assert (bodies.find(one), bodies.used) == (None, 0)
