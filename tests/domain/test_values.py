"""The small values: images, jobs, sources and refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import AppError, InvalidInput, SourceNotAllowed, SourceRejected
from app.domain.generations import JobStatus, input_fingerprint
from app.domain.ids import ImageId, UserId
from app.domain.images import (
    CONTENT_TYPES,
    DEFAULT_EXTENSION,
    Image,
    ImageFacts,
    ImageSource,
    ImageStatus,
    job_key,
    url_key,
)
from tests.support.catalog import FACTS, NOW

values = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
inputs = st.dictionaries(st.text(max_size=5), values | st.dictionaries(st.text(max_size=5), values), max_size=5)


def stored(facts: ImageFacts | None) -> Image:
    return Image(
        user=UserId("ana"),
        id=ImageId("one"),
        url_extension="png",
        status=ImageStatus.STORED,
        source=ImageSource.IMPORTED,
        created_at=NOW,
        facts=facts,
    )


def test_bytes_lie_under_their_true_extension() -> None:
    assert stored(FACTS).key == "ana/one.png"


def test_an_image_without_bytes_has_no_key() -> None:
    with pytest.raises(ValueError, match="no bytes"):
        _ = stored(None).key


def test_the_default_extension_is_one_of_those_we_host() -> None:
    assert DEFAULT_EXTENSION in CONTENT_TYPES


def test_a_job_is_over_when_its_provider_says_so() -> None:
    assert [status for status in JobStatus if not status.is_terminal] == [JobStatus.STARTING, JobStatus.PROCESSING]


@given(inputs)
def test_the_order_of_an_inputs_members_means_nothing(document: dict[str, object]) -> None:
    assert input_fingerprint(document) == input_fingerprint(dict(reversed(document.items())))


def test_different_inputs_have_different_fingerprints() -> None:
    inputs = [{}, {"a": 1}, {"a": "1"}, {"a": [1]}, {"a": None}, {"b": 1}, {"a": {"b": 1}}, {"a": "\ud800"}]

    assert len({input_fingerprint(document) for document in inputs}) == len(inputs)


def test_keys_of_jobs_and_of_addresses_never_meet() -> None:
    keys = {job_key("replicate", "j", 0), job_key("replicate", "j", 1), job_key("fal", "j", 0), url_key("j:0")}

    assert len(keys) == 4


def test_every_refused_address_is_refused_in_the_same_words() -> None:
    assert SourceNotAllowed().detail == SourceNotAllowed(field=None).detail


def test_a_refusal_says_what_is_to_blame_and_when_to_come_back() -> None:
    refusal = InvalidInput("Too long.", field="name", retry_after=3, details={"limit": 5})

    assert (refusal.field, refusal.retry_after, refusal.details) == ("name", 3, {"limit": 5})
    assert str(refusal) == refusal.detail == "Too long."


def test_a_rejected_source_says_why_in_one_word() -> None:
    refusal = SourceRejected("truncated", "It ends too early.")

    assert refusal.details == {"reason": refusal.reason} == {"reason": "truncated"}


def test_refusals_do_not_share_their_details() -> None:
    AppError("one").details["x"] = 1

    assert AppError("two").details == {}
