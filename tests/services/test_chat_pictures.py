"""Pictures of a question: taken in like uploads, left out where they fail, shown to models as models take them."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from app.domain.answers import Done, Event, Started, Warned
from app.domain.chat_models import Finished, Said
from app.domain.errors import (
    AppError,
    ModelUnavailable,
    NotFound,
    PicturesDisabled,
    RenderingFailed,
    SourceRejected,
    TooLarge,
    VisionUnsupported,
)
from app.domain.ids import ImageId, UserId
from app.domain.images import Image, ImageSource, ImageStatus
from app.services.chat_pictures import GivenData, GivenFile, GivenUp, Picture
from tests.support.chats import ANA, BLIND, BOB, ScriptedModels, Talk, end_of, talking
from tests.support.pictures import animated, jpeg, png, with_alpha

DONE = (Said("A cat."), Finished("stop"))


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    async with talking(tmp_path, ScriptedModels(*DONE)) as found:
        yield found


def data_url(content: bytes, kind: str = "image/png") -> GivenData:
    return GivenData(f"data:{kind};base64,{base64.b64encode(content).decode()}")


async def images_of(talk: Talk, user: UserId = ANA) -> list[Image]:
    return await talk.graph.adapters.images.page(user, after=None, limit=100)


def shown(talk: Talk, call: int = 0) -> list[Pillow.Image]:
    """Return what the model was shown with the last question."""
    return [Pillow.open(io.BytesIO(content)) for content in talk.models.calls[call].order.turns[-1].pictures]


def warnings_in(events: Sequence[Event]) -> list[str]:
    return [event.code for event in events if isinstance(event, Warned)]


async def test_a_picture_is_kept_as_it_is_and_shown_as_models_take_it(talk: Talk) -> None:
    content = png(2000, 1500)
    started = (await talk.said(pictures=[data_url(content)]))[0]
    assert isinstance(started, Started)
    (image,) = await images_of(talk)
    (picture,) = shown(talk)
    assert (image.source, image.status) == (ImageSource.CHAT, ImageStatus.STORED)
    assert image.facts is not None
    assert (image.facts.width, image.facts.height) == (2000, 1500)
    assert (picture.format, picture.size, picture.mode) == ("JPEG", (1024, 768), "RGB")
    assert [each.id for each in (await talk.messages(started.session))[0].images] == [image.id]
    assert "holdfast_chat_pictures_total 1.0" in talk.numbers()


async def test_whatever_they_are_a_model_gets_jpegs_of_moderate_size(talk: Talk) -> None:
    given = [
        data_url(jpeg(30, 2000), "image/jpeg"),
        data_url(png(64, 48)),
        data_url(with_alpha("PNG")),
        data_url(animated("GIF"), "image/gif"),
    ]
    await talk.said(pictures=given)
    pictures = shown(talk)
    assert [(picture.format, picture.mode) for picture in pictures] == [("JPEG", "RGB")] * 4
    assert [picture.size for picture in pictures] == [(15, 1000), (64, 48), (64, 48), (64, 48)]


async def test_a_file_that_was_received_is_a_picture_too(talk: Talk) -> None:
    async with talk.graph.chat.receive(None) as incoming:
        await incoming.write(png(20, 10))
        await talk.said(pictures=[GivenFile(incoming)])
    assert [picture.size for picture in shown(talk)] == [(20, 10)]


async def test_an_image_that_is_here_is_not_stored_again(talk: Talk) -> None:
    await talk.said(pictures=[data_url(png(20, 10))])
    (image,) = await images_of(talk)
    await talk.said("Once more", pictures=[image.id, image.id])
    assert [picture.size for picture in shown(talk, 1)] == [(20, 10)]
    assert [each.id for each in await images_of(talk)] == [image.id]


async def test_pictures_stay_in_their_order_wherever_they_come_from(talk: Talk) -> None:
    await talk.said(pictures=[data_url(png(20, 10))])
    (image,) = await images_of(talk)
    await talk.said(pictures=[data_url(png(30, 10)), image.id, data_url(png(40, 10))])
    assert [picture.width for picture in shown(talk, 1)] == [30, 20, 40]


async def test_pictures_that_fail_do_not_lose_the_message(talk: Talk) -> None:
    bad = [
        data_url(b"no picture"),
        GivenData("data:image/png;base64,%%%"),
        ImageId("nothing"),
        GivenUp(TooLarge("Too large.")),
    ]
    events = await talk.said("And this?", pictures=[*bad, data_url(png(20, 10))])
    codes = ["source_rejected", "source_rejected", "not_found", "too_large"]
    assert warnings_in(events) == codes
    assert isinstance(end_of(events), Done)
    assert [picture.width for picture in shown(talk)] == [20]


@pytest.mark.parametrize(
    ("bad", "refusal"),
    [
        (data_url(b"no picture"), SourceRejected),
        (GivenData("data:image/png;base64,%%%"), SourceRejected),
        (ImageId("nothing"), NotFound),
        (GivenUp(TooLarge("Too large.")), TooLarge),
    ],
    ids=["no picture", "no base64", "unknown", "given up"],
)
async def test_where_nothing_else_is_left_its_refusal_is_the_answer(
    talk: Talk, bad: Picture, refusal: type[AppError]
) -> None:
    with pytest.raises(refusal) as raised:
        await talk.ask("", pictures=[bad])
    assert raised.value.field == "images"
    assert talk.models.calls == []
    assert await images_of(talk) == []
    assert await talk.sessions() == []


async def test_anothers_picture_is_not_there(talk: Talk) -> None:
    await talk.said(pictures=[data_url(png(20, 10))])
    (image,) = await images_of(talk)
    assert warnings_in(await talk.said(user=BOB, pictures=[image.id])) == ["not_found"]


async def test_a_type_is_judged_by_what_the_bytes_are(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedModels(*DONE), IMAGE_ALLOWED_TYPES="image/jpeg") as talk:
        events = await talk.said(pictures=[data_url(png(20, 10)), data_url(jpeg(30, 10), "image/jpeg")])
        assert warnings_in(events) == ["source_rejected"]
        assert [image.url_extension for image in await images_of(talk)] == ["jpg"]
        folder = tmp_path / "images"
        assert [path.suffix for path in (folder / "ana").iterdir()] == [".jpg"]
        assert list((folder / ".staging").iterdir()) == []


async def test_a_picture_is_no_larger_than_chats_allow(tmp_path: Path) -> None:
    async with talking(tmp_path, IMAGE_MAX_SIZE_MB="0.001") as talk:
        with pytest.raises(TooLarge):
            await talk.ask("", pictures=[data_url(png(200, 200))])
        async with talk.graph.chat.receive(None) as incoming:
            with pytest.raises(TooLarge):
                await incoming.write(bytes(2000))


async def test_who_leaves_while_a_picture_is_written_down_leaves_none(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = talk.graph.adapters.images
    add, added, goes_on = images.add, asyncio.Event(), asyncio.Event()

    async def add_slowly(image: Image, **more: Any) -> Any:
        registered = await add(image, **more)
        added.set()
        await goes_on.wait()
        return registered

    monkeypatch.setattr(images, "add", add_slowly)
    asking = asyncio.create_task(talk.ask("Look", pictures=[data_url(png(8, 6))]))
    await added.wait()
    asking.cancel()
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await asking

    (image,) = await images.page(ANA, after=None, limit=9) or (None,)
    assert image is None or image.status is ImageStatus.DELETED


async def test_a_refused_question_leaves_no_picture(talk: Talk) -> None:
    await talk.said(pictures=[data_url(png(20, 10))])
    (known,) = await images_of(talk)
    talk.models.prompt = (ModelUnavailable("Busy."),)
    with pytest.raises(ModelUnavailable):
        await talk.ask(pictures=[known.id, data_url(png(30, 10))])
    assert [image.id for image in await images_of(talk)] == [known.id]
    assert [path.stem for path in (Path(talk.graph.settings.image_storage_path) / "ana").iterdir()] == [str(known.id)]


@pytest.mark.parametrize("switch", ["IMAGE_UPLOAD_ENABLED", "IMAGE_HOSTING_ENABLED"])
async def test_without_pictures_text_goes_on_alone(tmp_path: Path, switch: str) -> None:
    off: Any = {switch: "false"}
    async with talking(tmp_path, ScriptedModels(*DONE), **off) as talk:
        events = await talk.said(pictures=[data_url(png(20, 10))])
        assert warnings_in(events) == ["pictures_disabled"]
        assert shown(talk) == []
        with pytest.raises(PicturesDisabled):
            await talk.ask(" ", pictures=[data_url(png(20, 10))])
        with pytest.raises(PicturesDisabled):
            talk.graph.chat.receive(10)
        assert await images_of(talk) == []


async def test_a_model_that_cannot_see_gets_the_text_alone_and_the_picture_is_kept(talk: Talk) -> None:
    events = await talk.said(model=BLIND, pictures=[data_url(png(20, 10))])
    assert warnings_in(events) == ["vision_unsupported"]
    assert shown(talk) == []
    (image,) = await images_of(talk)
    (session,) = await talk.sessions()
    assert [each.id for each in (await talk.messages(session))[0].images] == [image.id]


async def test_pictures_alone_need_somebody_who_sees(talk: Talk) -> None:
    with pytest.raises(VisionUnsupported):
        await talk.ask("", model=BLIND, pictures=[data_url(png(20, 10))])
    assert await images_of(talk) == []


async def test_another_model_answers_for_one_that_cannot_see(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedModels(*DONE), VISION_FALLBACK_MODEL="llava") as talk:
        events = await talk.said(model=BLIND, pictures=[data_url(png(20, 10))])
        assert warnings_in(events) == ["vision_fallback"]
        end = end_of(events)
        assert isinstance(end, Done)
        assert (end.model, talk.models.calls[0].order.model) == ("llava", "llava")


async def test_with_no_picture_left_the_model_that_was_named_answers(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedModels(*DONE), VISION_FALLBACK_MODEL="llava") as talk:
        events = await talk.said(model=BLIND, pictures=[data_url(b"no picture")])
        assert warnings_in(events) == ["source_rejected"]
        assert talk.models.calls[0].order.model == BLIND


async def test_a_picture_that_cannot_be_shown_is_left_out(talk: Talk) -> None:
    thread = data_url(png(1, 3000))
    events = await talk.said("And now?", pictures=[thread, data_url(png(20, 10))])
    assert [picture.size for picture in shown(talk)] == [(20, 10)]
    assert warnings_in(events) == ["rendering_failed"]
    with pytest.raises(RenderingFailed):
        await talk.ask("", pictures=[thread])


async def test_earlier_pictures_are_shown_again_the_latest_of_them(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedModels(*DONE), CHAT_HISTORY_IMAGES="2") as talk:
        pictures = [data_url(png(width, 10)) for width in (20, 30, 40)]
        started = (await talk.said("one", pictures=pictures[:1]))[0]
        assert isinstance(started, Started)
        await talk.said("two", session=started.session, pictures=pictures[1:])
        await talk.said("three", session=started.session)
        turns = talk.models.calls[2].order.turns
        widths = [[Pillow.open(io.BytesIO(each)).width for each in turn.pictures] for turn in turns]
        assert widths == [[], [], [30, 40], [], []]


async def test_an_earlier_picture_that_was_deleted_is_not_shown(talk: Talk) -> None:
    started = (await talk.said("", pictures=[data_url(png(20, 10))]))[0]
    assert isinstance(started, Started)
    (image,) = await images_of(talk)
    await talk.graph.hosting.delete(ANA, image.id)
    await talk.said("And now?", session=started.session)
    first = talk.models.calls[1].order.turns[0]
    assert (first.content, list(first.pictures)) == ("[A picture that is not shown any more.]", [])


async def test_a_message_does_not_lose_its_own_pictures_to_the_limit(tmp_path: Path) -> None:
    models = ScriptedModels(*DONE)
    async with talking(tmp_path, models, IMAGE_PER_USER_LIMIT="2", IMAGE_MIN_AGE_HOURS="0") as talk:
        await talk.said("one", pictures=[data_url(png(20, 10))])
        (oldest,) = await images_of(talk)
        talk.clock.advance(60)
        await talk.said("two", pictures=[data_url(png(30, 10))])
        talk.clock.advance(60)
        (middle,) = [image for image in await images_of(talk) if image.id != oldest.id]
        await talk.said("three", pictures=[oldest.id, data_url(png(40, 10))])
        await talk.graph.errands.finish(seconds=10)
        left = {image.id for image in await images_of(talk)}
        assert oldest.id in left
        assert middle.id not in left
        talk.clock.advance(60)
        await talk.said("many", pictures=[data_url(png(width, 10)) for width in (50, 60, 70)])
        await talk.graph.errands.finish(seconds=10)
        widths = {image.facts.width for image in await images_of(talk) if image.facts}
        assert widths == {50, 60, 70}
