"""What every catalog promises of the log of changes: per owner a sequence without gaps, whatever happens at once."""

import asyncio

import pytest

from app.domain.errors import ImageIdTaken
from app.domain.generations import JobStatus
from app.domain.ids import ImageId, UserId
from tests.contracts.catalog_generations import begun, end
from tests.support.catalog import ANA, BOB, NOW, Catalog, a_generation, an_image, an_output, of_job

MANY = [UserId(f"user{number}") for number in range(5)]


async def kinds(catalog: Catalog, user: UserId = ANA) -> list[str]:
    return [kind for _, _, kind in await catalog.changes(user)]


async def live_a_life(catalog: Catalog, user: UserId, name: str) -> None:
    """Do a dozen things to images of *user*, some of which change nothing."""
    await catalog.images.register(an_image(f"{name}-gone", user=user))
    await catalog.images.register(an_image(f"{name}-kept", user=user))
    await catalog.images.register(an_image(f"{name}-again", user=user, url=f"https://delivery.example/{name}-kept.png"))
    for capture in await catalog.claim(owner=name, limit=2):
        await catalog.captures.settle_failed(capture, is_lost=True, reason="gone", detail="Gone.", at=NOW)
    await catalog.images.mark_deleted(user, ImageId(f"{name}-gone"), reason="user_request", at=NOW)
    await catalog.images.mark_deleted(user, ImageId(f"{name}-gone"), reason="user_request", at=NOW)


async def is_without_gaps(catalog: Catalog, user: UserId) -> bool:
    sequence = [number for number, _, _ in await catalog.changes(user)]
    return bool(sequence) and sequence == list(range(1, len(sequence) + 1))


class ChangesContract:
    async def test_every_change_is_told_once(self, catalog: Catalog) -> None:
        await catalog.stored(an_image("one"))
        await catalog.ended(an_image("two"))
        await catalog.images.register(an_image("two"))
        await catalog.ended(an_image("three"), is_lost=False)
        await catalog.images.mark_deleted(ANA, ImageId("one"), reason="user_request", at=NOW)

        assert await catalog.changes(ANA) == [
            (1, "one", "created"),
            (2, "one", "stored"),
            (3, "two", "created"),
            (4, "two", "lost"),
            (5, "two", "updated"),
            (6, "three", "created"),
            (7, "two", "rejected"),
            (8, "three", "rejected"),
            (9, "one", "deleted"),
        ]

    async def test_what_changes_nothing_is_not_told(self, catalog: Catalog) -> None:
        image = await catalog.stored(an_image("one"))
        before = await catalog.changes(ANA)

        await catalog.images.register(an_image("one"))
        await catalog.images.touch({(ANA, image.id): NOW})
        await catalog.images.mark_deleted(ANA, ImageId("never"), reason="user_request", at=NOW)
        with pytest.raises(ImageIdTaken):
            await catalog.images.register(an_image("one", url="https://delivery.example/other.png"))

        assert await catalog.changes(ANA) == before

    async def test_a_generation_tells_of_its_images(self, catalog: Catalog) -> None:
        generation = await begun(catalog)
        await catalog.generations.promise(generation.id, at=NOW)
        await catalog.generations.add_outputs(generation.id, [an_output(generation, n) for n in (0, 1)])
        broken = await begun(catalog, a_generation(2), job="job2")
        await catalog.generations.promise(broken.id, at=NOW)
        await end(catalog, broken, JobStatus.FAILED, error_code="generation_failed")

        assert await kinds(catalog) == ["created", "updated", "created", "created", "rejected"]

    async def test_an_adopted_import_is_told_as_updated(self, catalog: Catalog) -> None:
        await catalog.images.register(of_job("own"))
        generation = await begun(catalog)
        await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        assert await kinds(catalog) == ["created", "updated"]

    async def test_every_owner_has_a_sequence_of_their_own(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        await catalog.images.register(an_image("one", user=BOB))

        assert await catalog.changes(ANA) == await catalog.changes(BOB) == [(1, "one", "created")]

    async def test_much_at_once_leaves_no_gap(self, catalog: Catalog) -> None:
        await asyncio.gather(*(live_a_life(catalog, user, f"life{n}") for user in MANY for n in range(4)))

        for user in MANY:
            assert await is_without_gaps(catalog, user)
