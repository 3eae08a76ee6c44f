"""The whole answer to a request, decided without a file or a socket."""

import base64
import hashlib
import json
from datetime import timedelta
from email import message_from_bytes

import pytest

from app.web.serving.ranges import MAX_RANGES, Span
from tests.web.serving.measured import SIZE, TABLE, TAG, Row
from tests.web.serving.pictures import (
    DATA,
    HOSTED,
    HOSTED_DATE,
    NOW,
    PICTURE,
    PUBLIC,
    asked,
    body_of,
    header,
    representation_of,
)

REFUSALS = [
    pytest.param(("If-Match", '"x"'), id="412"),
    pytest.param(("Range", "bytes=-0"), id="416"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_measured_request_gets_what_it_should(row: Row) -> None:
    answer = asked(row.method, *row.fields)

    assert answer.status == row.status
    assert answer.ranges == row.parts


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_the_length_said_is_the_length_sent(row: Row) -> None:
    answer = asked(row.method, *row.fields)
    said = header(answer, "Content-Length")

    assert len(body_of(answer, DATA)) == answer.length
    assert answer.has_body == (answer.length > 0)
    if row.status == 304:
        assert said is None
    elif row.method == "GET":
        assert said == str(answer.length)


def test_a_whole_image_says_all_there_is_to_say() -> None:
    answer = asked("GET")

    assert dict(answer.headers) | {"Content-Security-Policy": "", "Access-Control-Expose-Headers": ""} == {
        "Content-Type": "image/png",
        "Content-Length": str(SIZE),
        "Cache-Control": PUBLIC,
        "ETag": f'"{hashlib.sha256(DATA).hexdigest()}"',
        "Last-Modified": HOSTED_DATE,
        "Accept-Ranges": "bytes",
        "Repr-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(DATA).digest()).decode()}:",
        "Content-Disposition": 'inline; filename="img_1.png"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "",
        "Referrer-Policy": "no-referrer",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Timing-Allow-Origin": "*",
    }


def test_head_has_the_headers_of_get_and_no_body() -> None:
    assert asked("HEAD").headers == asked("GET").headers
    assert asked("HEAD", ("Range", "bytes=0-9")).headers == asked("GET").headers
    assert not asked("HEAD").has_body


def test_a_part_differs_from_the_whole_in_its_length_and_place_only() -> None:
    whole, part = dict(asked("GET").headers), dict(asked("GET", ("Range", "bytes=10-19")).headers)

    assert part == whole | {"Content-Length": "10", "Content-Range": f"bytes 10-19/{SIZE}"}


def test_a_last_position_behind_the_end_is_pulled_in() -> None:
    answer = asked("GET", ("Range", f"bytes=10-{SIZE + 5}"))

    assert header(answer, "Content-Range") == f"bytes 10-{SIZE - 1}/{SIZE}"


def test_several_parts_form_a_message_that_others_can_read() -> None:
    answer = asked("GET", ("Range", "bytes=0-9,5000-5009,-10"))
    content_type = header(answer, "Content-Type")
    message = message_from_bytes(b"Content-Type: %s\r\n%s" % (str(content_type).encode(), body_of(answer, DATA)))
    parts = [part for part in message.walk() if not part.is_multipart()]

    assert message.get_content_type() == "multipart/byteranges"
    assert [part["Content-Range"] for part in parts] == [
        f"bytes 0-9/{SIZE}",
        f"bytes 5000-5009/{SIZE}",
        f"bytes {SIZE - 10}-{SIZE - 1}/{SIZE}",
    ]
    assert [part["Content-Type"] for part in parts] == ["image/png"] * 3


def test_several_parts_are_framed_to_the_letter() -> None:
    answer = asked("GET", ("Range", "bytes=0-1,5000-5001"))
    boundary = PICTURE.sha256.encode()

    assert body_of(answer, DATA) == (
        b"\r\n--%b\r\nContent-Type: image/png\r\nContent-Range: bytes 0-1/%d\r\n\r\n%b"
        b"\r\n--%b\r\nContent-Type: image/png\r\nContent-Range: bytes 5000-5001/%d\r\n\r\n%b"
        b"\r\n--%b--\r\n"
    ) % (boundary, SIZE, DATA[:2], boundary, SIZE, DATA[5000:5002], boundary)


def test_several_parts_have_no_place_of_their_own_and_the_digest_of_the_whole() -> None:
    answer = asked("GET", ("Range", "bytes=0-9,5000-5009"))

    assert header(answer, "Content-Range") is None
    assert header(answer, "Repr-Digest") == PICTURE.repr_digest
    assert header(answer, "ETag") == TAG
    assert header(answer, "Cache-Control") == PUBLIC


def test_the_same_parts_are_framed_the_same_every_time() -> None:
    ranges = ("Range", "bytes=0-9,5000-5009")

    assert asked("GET", ranges) == asked("GET", ranges)


def test_ranges_that_grow_together_are_no_multipart() -> None:
    answer = asked("GET", ("Range", "bytes=0-9,5-20"))

    assert header(answer, "Content-Type") == "image/png"
    assert header(answer, "Content-Range") == f"bytes 0-20/{SIZE}"


def test_more_ranges_than_allowed_get_the_whole() -> None:
    ranges = ",".join(f"{place * 1000}-{place * 1000 + 1}" for place in range(MAX_RANGES + 1))

    assert asked("GET", ("Range", f"bytes={ranges}")).status == 200


def test_two_range_fields_get_the_whole() -> None:
    assert asked("GET", ("Range", "bytes=0-9"), ("Range", "bytes=0-9")).status == 200


def test_not_modified_carries_what_a_cache_refreshes_and_describes_no_body() -> None:
    answer = asked("GET", ("If-None-Match", TAG))
    names = {name for name, _ in answer.headers}

    assert header(answer, "ETag") == TAG
    assert header(answer, "Cache-Control") == PUBLIC
    assert header(answer, "Access-Control-Allow-Origin") == "*"
    assert not names & {"Content-Length", "Content-Type", "Content-Disposition", "Last-Modified", "Repr-Digest"}


@pytest.mark.parametrize("field", REFUSALS)
def test_a_refusal_is_no_image_and_is_not_kept(field: tuple[str, str]) -> None:
    answer = asked("GET", field)

    assert header(answer, "Cache-Control") == "no-store"
    assert header(answer, "Content-Type") == "application/problem+json"
    assert header(answer, "ETag") == TAG
    assert header(answer, "Accept-Ranges") == "bytes"
    assert header(answer, "Access-Control-Allow-Origin") == "*"
    assert header(answer, "Repr-Digest") is None
    assert header(answer, "Content-Disposition") is None


def test_an_unsatisfiable_range_is_told_the_size() -> None:
    answer = asked("GET", ("Range", f"bytes={SIZE}-"))

    assert header(answer, "Content-Range") == f"bytes */{SIZE}"
    assert json.loads(answer.literal) == {
        "type": "about:blank",
        "title": "Range Not Satisfiable",
        "status": 416,
        "detail": "The range asked for lies outside the image.",
        "code": "range_not_satisfiable",
        "retryable": False,
    }


def test_a_failed_precondition_says_so() -> None:
    answer = asked("GET", ("If-Match", '"x"'))

    assert answer.refusal is not None
    assert answer.refusal.code == "precondition_failed"
    assert json.loads(answer.literal)["status"] == 412
    assert header(answer, "Content-Range") is None


def test_a_failed_precondition_of_head_has_the_headers_of_get() -> None:
    head, get = asked("HEAD", ("If-Match", '"x"')), asked("GET", ("If-Match", '"x"'))

    assert head.headers == get.headers
    assert not head.has_body


def test_a_download_is_saved_and_otherwise_the_same() -> None:
    shown, saved = dict(asked("GET").headers), dict(asked("GET", download=True).headers)

    assert saved == shown | {"Content-Disposition": 'attachment; filename="img_1.png"'}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_no_answer_varies_sets_a_cookie_or_names_the_server(row: Row) -> None:
    names = {name.lower() for name, _ in asked(row.method, *row.fields).headers}

    assert not names & {"vary", "set-cookie", "server", "transfer-encoding", "date"}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_no_header_is_there_twice(row: Row) -> None:
    names = [name.lower() for name, _ in asked(row.method, *row.fields).headers]

    assert len(names) == len(set(names))


def test_an_image_hosted_in_the_future_was_modified_now() -> None:
    early = HOSTED - timedelta(hours=1)

    assert header(asked("GET", now=early), "Last-Modified") == "Tue, 03 Nov 2026 07:30:15 GMT"


def test_a_range_does_not_apply_by_a_date_that_may_still_become_anothers() -> None:
    resumed = asked("GET", ("Range", "bytes=9-"), ("If-Range", HOSTED_DATE), now=HOSTED)

    assert resumed.status == 200


def test_an_empty_representation_is_sent_whole_whatever_is_asked() -> None:
    answer = asked("GET", ("Range", "bytes=0-9"), representation=representation_of(b""))

    assert (answer.status, answer.has_body, header(answer, "Content-Length")) == (200, False, "0")


def test_a_plan_names_the_parts_of_the_blob_apart_from_its_own_words() -> None:
    answer = asked("GET", ("Range", "bytes=0-9,5000-5009"), now=NOW)

    assert answer.ranges == (Span(0, 10), Span(5000, 5010))
    assert answer.length == len(answer.literal) + 20
