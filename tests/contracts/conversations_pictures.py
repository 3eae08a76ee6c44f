"""What every catalog promises of the pictures conversations are about: they are their owner's, and go with the last."""

import pytest

from app.domain.errors import NotFound
from app.domain.ids import ImageId
from app.domain.images import ImageSource, ImageStatus
from tests.support.catalog import ANA, BOB, NOW, SECOND, Catalog, an_upload
from tests.support.conversations import a_picture, a_turn, said, session_id

LATER = NOW + SECOND


async def pictures(catalog: Catalog, session: int = 1) -> list[list[str]]:
    """Return the names of the pictures of each message."""
    messages = await catalog.conversations.messages(session_id(session), after=0, limit=100)
    return [[str(image.id) for image in message.images] for message in messages]


async def unused(catalog: Catalog) -> list[tuple[str, str]]:
    found = await catalog.conversations.unused_images(before=LATER, limit=9)
    return sorted((str(user), str(image)) for user, image in found)


class PictureContract:
    async def test_a_question_has_its_pictures_in_order(self, catalog: Catalog) -> None:
        stored = [await a_picture(catalog, name) for name in ("b", "a", "c")]
        await catalog.conversations.begin(a_turn(images=("b", "a", "c")))
        question, answer = await catalog.conversations.messages(session_id(), after=0, limit=9)

        assert question.images == tuple(stored)
        assert question.has_images
        assert not answer.has_images

    async def test_each_message_has_its_own(self, catalog: Catalog) -> None:
        for name in ("a", "b", "c"):
            await a_picture(catalog, name)
        await catalog.conversations.begin(a_turn(1, images=("a", "b")))
        await catalog.conversations.begin(a_turn(2))
        await catalog.conversations.begin(a_turn(3, images=("c", "a")))

        assert await pictures(catalog) == [["a", "b"], [], [], [], ["c", "a"], []]
        latest, _ = await catalog.conversations.latest(session_id(), limit=2)
        assert [str(image.id) for image in latest.images] == ["c", "a"]

    async def test_a_picture_may_be_shown_twice_in_one_question(self, catalog: Catalog) -> None:
        await a_picture(catalog, "a")
        await catalog.conversations.begin(a_turn(images=("a", "a")))

        assert await pictures(catalog) == [["a", "a"], []]

    async def test_any_image_of_ones_own_will_do(self, catalog: Catalog) -> None:
        await catalog.images.add(an_upload("upload"))
        await catalog.conversations.begin(a_turn(images=("upload",)))

        assert await pictures(catalog) == [["upload"], []]

    async def test_a_deleted_picture_stays_as_a_tombstone(self, catalog: Catalog) -> None:
        await a_picture(catalog, "a")
        await catalog.conversations.begin(a_turn(images=("a",)))
        await catalog.images.mark_deleted(ANA, ImageId("a"), reason="expired", at=LATER)
        await catalog.images.mark_unlinked(ANA, ImageId("a"))
        question, _ = await catalog.conversations.latest(session_id(), limit=2)

        (image,) = question.images
        assert (image.status, image.reason, image.facts) == (ImageStatus.DELETED, "expired", None)

    @pytest.mark.parametrize("name", ["bobs", "nobodys"])
    async def test_a_picture_that_is_not_ones_own_undoes_the_whole_turn(self, catalog: Catalog, name: str) -> None:
        await a_picture(catalog, "a")
        await a_picture(catalog, "bobs", user=BOB)
        with pytest.raises(NotFound) as refused:
            await catalog.conversations.begin(a_turn(images=("a", name)))

        assert refused.value.field == "images"
        assert await catalog.conversations.find_session(session_id()) is None
        assert await said(catalog) == []

    async def test_a_refused_turn_leaves_a_conversation_as_it_was(self, catalog: Catalog) -> None:
        await catalog.conversations.begin(a_turn(1))
        before = await catalog.conversations.find_session(session_id())
        with pytest.raises(NotFound):
            await catalog.conversations.begin(a_turn(2, images=("nobodys",), at=LATER))

        assert await catalog.conversations.find_session(session_id()) == before

    async def test_a_chat_picture_tells_its_owner_even_when_it_is_deleted(self, catalog: Catalog) -> None:
        await a_picture(catalog, "a", user=BOB)
        await catalog.images.mark_deleted(BOB, ImageId("a"), reason="expired", at=NOW)

        assert await catalog.conversations.find_owner(ImageId("a")) == BOB

    async def test_images_of_other_sources_are_found_by_their_owners_alone(self, catalog: Catalog) -> None:
        await catalog.images.add(an_upload("upload"))
        await catalog.conversations.begin(a_turn(images=("upload",)))

        assert await catalog.conversations.find_owner(ImageId("upload")) is None
        assert await catalog.conversations.find_owner(ImageId("nobodys")) is None


class DeletedSessionContract:
    async def test_its_pictures_are_left_over(self, catalog: Catalog) -> None:
        for name in ("a", "b"):
            await a_picture(catalog, name)
        await catalog.conversations.begin(a_turn(1, images=("b", "a")))
        await catalog.conversations.begin(a_turn(2, images=("a",)))

        assert await catalog.conversations.delete_session(session_id(), user=ANA) == [ImageId("a"), ImageId("b")]
        assert await catalog.conversations.find_session(session_id()) is None
        assert await said(catalog) == []

    async def test_a_picture_that_another_conversation_refers_to_stays(self, catalog: Catalog) -> None:
        for name in ("shared", "own"):
            await a_picture(catalog, name)
        await catalog.conversations.begin(a_turn(1, session=1, images=("shared", "own")))
        await catalog.conversations.begin(a_turn(2, session=2, images=("shared",)))

        assert await catalog.conversations.delete_session(session_id(1), user=ANA) == [ImageId("own")]
        assert await pictures(catalog, 2) == [["shared"], []]
        assert await catalog.conversations.delete_session(session_id(2), user=ANA) == [ImageId("shared")]

    async def test_a_picture_of_the_same_name_of_another_owner_is_another(self, catalog: Catalog) -> None:
        for user in (ANA, BOB):
            await a_picture(catalog, "a", user=user)
        await catalog.conversations.begin(a_turn(1, session=1, images=("a",)))
        await catalog.conversations.begin(a_turn(2, session=2, user=BOB, images=("a",)))

        assert await catalog.conversations.delete_session(session_id(1), user=ANA) == [ImageId("a")]

    async def test_images_that_were_not_made_for_it_stay(self, catalog: Catalog) -> None:
        await catalog.images.add(an_upload("upload"))
        await catalog.conversations.begin(a_turn(images=("upload",)))

        assert await catalog.conversations.delete_session(session_id(), user=ANA) == []
        assert (await catalog.get("upload")).status is ImageStatus.STORED

    async def test_a_tombstone_is_not_left_over(self, catalog: Catalog) -> None:
        await a_picture(catalog, "a")
        await catalog.conversations.begin(a_turn(images=("a",)))
        await catalog.images.mark_deleted(ANA, ImageId("a"), reason="expired", at=NOW)

        assert await catalog.conversations.delete_session(session_id(), user=ANA) == []

    async def test_what_is_anothers_or_gone_cannot_be_deleted(self, catalog: Catalog) -> None:
        await catalog.conversations.begin(a_turn())

        assert await catalog.conversations.delete_session(session_id(), user=BOB) is None
        assert await catalog.conversations.delete_session(session_id(9), user=ANA) is None
        assert await catalog.conversations.delete_session(session_id(), user=ANA) == []
        assert await catalog.conversations.delete_session(session_id(), user=ANA) is None


class UnusedImageContract:
    async def test_a_picture_without_a_message_is_unused(self, catalog: Catalog) -> None:
        await a_picture(catalog, "used")
        await a_picture(catalog, "unused")
        await a_picture(catalog, "used", user=BOB)
        await catalog.conversations.begin(a_turn(images=("used",)))

        assert await unused(catalog) == [("ana", "unused"), ("bob", "used")]

    async def test_a_deleted_conversation_leaves_its_pictures_unused(self, catalog: Catalog) -> None:
        await a_picture(catalog, "a")
        await catalog.conversations.begin(a_turn(images=("a",)))
        assert await unused(catalog) == []
        await catalog.conversations.delete_session(session_id(), user=ANA)

        assert await unused(catalog) == [("ana", "a")]

    async def test_young_deleted_and_other_images_are_not(self, catalog: Catalog) -> None:
        await a_picture(catalog, "young", created_at=LATER)
        await a_picture(catalog, "deleted")
        await catalog.images.mark_deleted(ANA, ImageId("deleted"), reason="expired", at=NOW)
        for source in set(ImageSource) - {ImageSource.CHAT}:
            await catalog.images.add(an_upload(str(source), source=source))

        assert await unused(catalog) == []

    async def test_no_more_are_told_than_were_asked_for(self, catalog: Catalog) -> None:
        for name in ("a", "b", "c"):
            await a_picture(catalog, name)

        assert len(await catalog.conversations.unused_images(before=LATER, limit=2)) == 2

    async def test_a_sound_catalog_has_no_flaws(self, catalog: Catalog) -> None:
        await a_picture(catalog, "a")
        await catalog.conversations.begin(a_turn(1, images=("a",)))
        await catalog.conversations.begin(a_turn(2))
        await catalog.images.mark_deleted(ANA, ImageId("a"), reason="expired", at=NOW)

        assert await catalog.conversations.flaws(9) == []
