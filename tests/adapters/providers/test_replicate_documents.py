"""Reading a prediction, from Replicate or from a stranger."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters.providers.outputs import MOST_FILES, files_in
from app.adapters.providers.replicate_jobs import job_from
from app.domain.errors import InvalidInput
from app.domain.generations import Job, JobStatus

MINIMAL = {"id": "gm3qorzdhgbfurvjtvhg6dckhu", "status": "starting"}


def read(**members: Any) -> Job:
    return job_from(MINIMAL | members, allow_http=False)


def test_an_id_and_a_status_are_enough() -> None:
    assert read() == Job(provider="replicate", id=MINIMAL["id"], status=JobStatus.STARTING)


def test_recorded_traffic_is_read() -> None:
    job = read(
        model="stability-ai/sdxl",
        version="39ed52f2a78e934b3ba6e2a89f5b1c712de7dfea535525255b1aa35c5565e08b",
        input={"height": 512, "prompt": "...", "seed": 42069, "width": 512},
        logs="",
        error=None,
        created_at="2024-04-22T11:15:14.469Z",
        urls={"cancel": "https://api.replicate.com/v1/predictions/x/cancel"},
    )

    assert job.created_at == datetime(2024, 4, 22, 11, 15, 14, 469000, tzinfo=UTC)
    assert (job.model, job.error, job.outputs_expire_at) == ("stability-ai/sdxl", None, None)


@pytest.mark.parametrize("word", ["starting", "processing", "succeeded", "failed", "canceled", "aborted"])
def test_a_known_status_is_taken_as_it_is(word: str) -> None:
    assert read(status=word).status.value == word


@pytest.mark.parametrize("word", ["queued", "SUCCEEDED", ""])
def test_an_unknown_status_counts_as_processing(word: str) -> None:
    job = read(status=word, completed_at="2024-04-22T11:15:14Z")

    assert (job.status, job.outputs_expire_at) == (JobStatus.PROCESSING, None)


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"id": None}, "id"),
        ({"id": 7}, "id"),
        ({"id": "../x"}, "id"),
        ({"id": "x" * 65}, "id"),
        ({"status": None}, "status"),
        ({"status": ["failed"]}, "status"),
    ],
    ids=repr,
)
def test_what_is_no_prediction_is_refused(members: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(**members)

    assert caught.value.field == field


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2024-04-22T11:15:14Z", 0),
        ("2024-04-22T11:15:14.469Z", 469000),
        ("2024-04-22T11:15:14.469123Z", 469123),
        ("2024-04-22T11:15:14.469123789Z", 469123),
        ("2024-04-22T13:15:14.469+02:00", 469000),
        ("2024-04-22T11:15:14.469", 469000),
    ],
    ids=["none", "three", "six", "nine", "another zone", "no zone"],
)
def test_times_are_read_to_the_microsecond(text: str, microsecond: int) -> None:
    expected = datetime(2024, 4, 22, 11, 15, 14, microsecond, tzinfo=UTC)

    job = read(status="succeeded", completed_at=text)

    assert job.completed_at == expected
    assert job.outputs_expire_at == expected + timedelta(hours=1)


@pytest.mark.parametrize("text", ["yesterday", 1713784514, None, "0001-01-01T00:00:00+14:00"], ids=repr)
def test_a_time_that_is_none_is_left_out(text: Any) -> None:
    assert read(status="succeeded", completed_at=text).completed_at is None


def test_the_end_of_time_does_not_expire() -> None:
    assert read(status="succeeded", completed_at="9999-12-31T23:59:59Z").outputs_expire_at is None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (None, None),
        ("out of memory", "out of memory"),
        ({"code": 7}, '{"code":7}'),
        (7, "7"),
        ("a\x00b", "a b"),
        ("\ud800", "?"),
        ("x" * 9000, "x" * 2000),
    ],
    ids=["null", "text", "object", "number", "NUL", "half a character", "long"],
)
def test_an_error_is_text_whatever_it_was(error: Any, text: str | None) -> None:
    assert read(error=error).error == text


@pytest.mark.parametrize("member", ["model", "version", "webhook", "error", "input", "output", "data_removed"])
@pytest.mark.parametrize("value", [7, [], {}, True, "x" * 5000, None], ids=lambda value: str(value)[:5])
def test_no_other_member_can_make_a_prediction_unreadable(member: str, value: Any) -> None:
    assert read(**{member: value}).id == MINIMAL["id"]


def deep(levels: int, leaf: Any) -> Any:
    for _ in range(levels):
        leaf = [leaf]
    return leaf


def test_nesting_without_end_is_survived() -> None:
    job = read(input={"a": deep(5000, 1)}, output=deep(5000, "https://a/b"), error=deep(5000, 1))

    assert (job.outputs, job.input_sha256) == ((), None)
    assert job.error == "The provider gave an error that cannot be read."


@pytest.mark.parametrize(
    ("output", "files"),
    [
        ("https://a/1", ("https://a/1",)),
        (["https://a/1", "https://a/2"], ("https://a/1", "https://a/2")),
        ({"image": "https://a/1", "mask": "data:,x"}, ("https://a/1", "data:,x")),
        ({"a": [{"b": "https://a/1"}, "text"], "c": 7, "d": "https://a/1"}, ("https://a/1",) * 2),
        (["A ", "fox."], ()),
        (None, ()),
        ("http://a/1", ()),
        ({"https://a/key": "value"}, ()),
    ],
    ids=["text", "list", "object", "nested, repeated", "words", "null", "http", "address as a name"],
)
def test_outputs_are_found_in_any_shape(output: Any, files: tuple[str, ...]) -> None:
    assert read(output=output).outputs == files


def test_http_outputs_are_taken_in_development() -> None:
    assert files_in(["http://a/1", "https://a/2"], allow_http=True) == ("http://a/1", "https://a/2")


def test_only_so_many_outputs_are_taken() -> None:
    output = [f"https://a/{number}" for number in range(MOST_FILES + 1)]

    assert files_in(output) == tuple(output[:-1])


plain = st.text(alphabet="abcxyz /.", max_size=8)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | plain
    | plain.map("https://".__add__)
    | plain.map("data:image/png;base64,".__add__)
)
outputs = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain, inner, max_size=4), max_leaves=30
)


@settings(deadline=None)  # the machine may be busy
@given(outputs)
def test_outputs_are_found_in_the_order_they_are_written_in(output: Any) -> None:
    written = json.dumps(output)

    expected = re.findall(r'"((?:https|data):[^"]*)"', written)

    assert files_in(output) == tuple(expected)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
members = st.sampled_from(
    ["id", "status", "output", "error", "input", "created_at", "completed_at", "data_removed", "webhook"]
)


@settings(deadline=None)  # the machine may be busy
@given(st.dictionaries(members | st.text(max_size=3), anything, max_size=8))
def test_a_document_is_read_or_refused_whatever_it_holds(document: dict[str, Any]) -> None:
    for candidate in (document, document | MINIMAL):
        try:
            job = job_from(candidate, allow_http=False)
        except InvalidInput:
            continue
        assert b"\0" not in (job.error or "").encode()
