"""Two processes on one catalog: a server and a command, or the old and the new one during a deployment."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.adapters.catalog.database import Database
from tests.adapters.catalog.conftest import catalog_over
from tests.contracts.catalog_changes import is_without_gaps, live_a_life
from tests.support.catalog import ANA, BOB, NOW, Catalog, an_image

OTHER = """
import asyncio, pathlib, sys
from app.adapters.catalog.database import Database
from tests.adapters.catalog.conftest import catalog_over
from tests.contracts.catalog_changes import live_a_life
from tests.support.catalog import ANA, BOB, an_image

async def main():
    database = Database(pathlib.Path(sys.argv[1]))
    catalog = catalog_over(database)
    await catalog.captures.backlog()
    print("ready", flush=True)
    sys.stdin.readline()
    made = [(await catalog.images.register(an_image(f"shared{n}"))).is_new for n in range(10)]
    print(sum(made), flush=True)
    sys.stdin.readline()
    for number in range(5):
        await live_a_life(catalog, ANA, f"other{number}")
        await live_a_life(catalog, BOB, f"other{number}")
    await database.aclose()

asyncio.run(main())
"""


@pytest.fixture
async def second(path: Path) -> AsyncIterator[Catalog]:
    """The same catalog over connections of its own."""
    database = Database(path)
    yield catalog_over(database)
    await database.aclose()


async def test_two_processes_make_no_image_twice_and_leave_no_gap(catalog: Catalog, path: Path) -> None:
    pipe = asyncio.subprocess.PIPE
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", OTHER, str(path), stdin=pipe, stdout=pipe)
    assert other.stdin is not None
    assert other.stdout is not None
    await other.stdout.readline()

    other.stdin.write(b"register\n")
    ours = [(await catalog.images.register(an_image(f"shared{n}"))).is_new for n in range(10)]
    theirs = int(await other.stdout.readline())
    other.stdin.write(b"live\n")
    for number in range(5):
        await asyncio.gather(*(live_a_life(catalog, user, f"ours{number}") for user in (ANA, BOB)))

    assert await other.wait() == 0
    assert sum(ours) + theirs == 10
    assert await is_without_gaps(catalog, ANA)
    assert await is_without_gaps(catalog, BOB)


async def test_two_catalogs_never_claim_the_same_capture(catalog: Catalog, second: Catalog) -> None:
    for number in range(20):
        await catalog.images.register(an_image(f"i{number}"))

    portions = await asyncio.gather(*(one.claim(owner=str(n), limit=3) for n in range(5) for one in (catalog, second)))

    claimed = [capture.image for portion in portions for capture in portion]
    assert len(claimed) == len(set(claimed)) == 20


async def test_fifty_registrations_through_two_catalogs_make_one_image(catalog: Catalog, second: Catalog) -> None:
    url = "https://delivery.example/same.png"
    made = await asyncio.gather(
        *(one.images.register(an_image(f"try{n}", url=url)) for n in range(25) for one in (catalog, second))
    )

    assert sum(registered.is_new for registered in made) == 1
    assert len({registered.image.id for registered in made}) == 1


async def test_a_deletion_by_one_is_seen_by_the_other_at_once(catalog: Catalog, second: Catalog) -> None:
    image = await catalog.stored(an_image("one"))

    await second.images.mark_deleted(ANA, image.id, reason="user_request", at=NOW)

    assert (await catalog.get("one")).reason == "user_request"
