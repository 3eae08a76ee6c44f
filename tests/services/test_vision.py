"""Which model answers: the one that is named, unless it cannot see what it is asked about."""

import pytest

from app.domain.errors import ModelNotFound, ModelUnavailable, ProviderNotConfigured, VisionUnsupported
from app.services.vision import Vision, VisionTerms
from devkit.clock import FakeClock
from tests.support.chats import BLIND, SEEING, ScriptedModels


class Silent(ScriptedModels):
    async def abilities(self, model: str) -> None:  # type: ignore[override]  # it never gets that far
        self.asked.append(model)
        raise ModelUnavailable("Ollama is not there.")


def vision(models: ScriptedModels, clock: FakeClock, **terms: object) -> Vision:
    known = {"default": SEEING, "fallback": None, "is_detecting": True} | terms
    return Vision(models=models, terms=VisionTerms(**known), monotonic=clock.monotonic)  # type: ignore[arg-type]


@pytest.fixture
def models() -> ScriptedModels:
    return ScriptedModels()


async def test_the_model_that_is_named_answers(models: ScriptedModels, clock: FakeClock) -> None:
    choice = await vision(models, clock).choose(BLIND, has_pictures=False, has_text=True)
    assert (choice.model, choice.sees, choice.warnings) == (BLIND, False, ())


async def test_whoever_names_none_gets_the_default(models: ScriptedModels, clock: FakeClock) -> None:
    assert (await vision(models, clock).choose(None, has_pictures=True, has_text=True)).model == SEEING
    with pytest.raises(ProviderNotConfigured):
        await vision(models, clock, default=None).choose(None, has_pictures=False, has_text=True)


async def test_what_a_model_can_do_is_known_for_a_minute(models: ScriptedModels, clock: FakeClock) -> None:
    eyes = vision(models, clock)
    for _ in range(3):
        await eyes.choose(SEEING, has_pictures=True, has_text=True)
    clock.advance(59)
    await eyes.choose(SEEING, has_pictures=True, has_text=True)
    assert models.asked == [SEEING]
    clock.advance(1)
    models.sees[SEEING] = False
    with pytest.raises(VisionUnsupported):
        await eyes.choose(SEEING, has_pictures=True, has_text=False)


async def test_what_is_forgotten_is_asked_anew(models: ScriptedModels, clock: FakeClock) -> None:
    eyes = vision(models, clock)
    await eyes.choose(SEEING, has_pictures=True, has_text=True)
    eyes.forget(SEEING)
    await eyes.choose(SEEING, has_pictures=True, has_text=True)
    assert models.asked == [SEEING, SEEING]


async def test_a_failure_is_never_remembered(models: ScriptedModels, clock: FakeClock) -> None:
    eyes = vision(models, clock)
    with pytest.raises(ModelNotFound):
        await eyes.choose("new", has_pictures=False, has_text=True)
    models.sees["new"] = True
    assert (await eyes.choose("new", has_pictures=True, has_text=True)).sees


async def test_only_so_many_names_are_remembered(models: ScriptedModels, clock: FakeClock) -> None:
    models.sees |= {f"m{number}": True for number in range(200)}
    eyes = vision(models, clock)
    for number in range(200):
        await eyes.choose(f"m{number}", has_pictures=True, has_text=True)
    assert len(eyes._known) == 128
    await eyes.choose("m199", has_pictures=True, has_text=True)
    assert len(models.asked) == 200


async def test_a_fallback_answers_about_pictures_only(models: ScriptedModels, clock: FakeClock) -> None:
    eyes = vision(models, clock, fallback=SEEING)
    with_picture = await eyes.choose(BLIND, has_pictures=True, has_text=False)
    without = await eyes.choose(BLIND, has_pictures=False, has_text=True)
    assert (with_picture.model, with_picture.sees, without.model) == (SEEING, True, BLIND)
    assert [warning.code for warning in with_picture.warnings] == ["vision_fallback"]


@pytest.mark.parametrize("fallback", [None, BLIND, "also blind", "not there"])
async def test_without_a_fallback_that_sees_the_text_goes_on_alone(
    models: ScriptedModels, clock: FakeClock, fallback: str | None
) -> None:
    models.sees["also blind"] = False
    eyes = vision(models, clock, fallback=fallback)
    choice = await eyes.choose(BLIND, has_pictures=True, has_text=True)
    assert (choice.model, choice.sees) == (BLIND, False)
    assert [warning.code for warning in choice.warnings] == ["vision_unsupported"]
    with pytest.raises(VisionUnsupported):
        await eyes.choose(BLIND, has_pictures=True, has_text=False)


async def test_without_detection_nobody_is_asked_and_every_model_sees(clock: FakeClock) -> None:
    models = Silent()
    choice = await vision(models, clock, is_detecting=False).choose(BLIND, has_pictures=True, has_text=False)
    assert (choice.model, choice.sees, models.asked) == (BLIND, True, [])


async def test_a_service_that_is_not_there_is_said_to_be_so(clock: FakeClock) -> None:
    with pytest.raises(ModelUnavailable):
        await vision(Silent(), clock).choose(SEEING, has_pictures=False, has_text=True)
