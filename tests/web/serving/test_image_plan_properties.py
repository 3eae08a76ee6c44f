"""What holds for every request, also for those nobody would write."""

from email import message_from_bytes
from email.message import Message

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.web.serving.pictures import asked, body_of, header, representation_of, some_bytes

FIELDS = st.sampled_from(
    ["Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"],
)
VALUES = st.one_of(
    st.text(max_size=50),
    st.text(alphabet='bytes=0123456789-, */W"', max_size=50),
    st.sampled_from(["bytes=0-", "bytes=-1", "*", '"x"', "Tue, 03 Nov 2026 08:30:15 GMT"]),
)
REQUESTS = st.lists(st.tuples(FIELDS, VALUES), max_size=6)


@settings(deadline=None)
@given(st.sampled_from(["GET", "HEAD"]), REQUESTS, st.integers(0, 3000))
def test_every_request_gets_a_coherent_answer(method: str, fields: list[tuple[str, str]], size: int) -> None:
    data = some_bytes(size)
    answer = asked(method, *fields, representation=representation_of(data))

    assert answer.status in {200, 206, 304, 412, 416}
    assert all(0 <= span.start < span.stop <= size for span in answer.ranges)
    assert len(body_of(answer, data)) == answer.length
    if method == "GET" and answer.status != 304:
        assert header(answer, "Content-Length") == str(answer.length)


@settings(deadline=None)
@given(st.integers(1, 5000), st.data())
def test_a_download_cut_anywhere_and_resumed_is_byte_identical(size: int, draw: st.DataObject) -> None:
    data = some_bytes(size)
    cut = draw.draw(st.integers(1, size - 1)) if size > 1 else 0
    first = asked("GET", representation=representation_of(data))
    validator = draw.draw(st.sampled_from(["ETag", "Last-Modified"]))
    resume = ("Range", f"bytes={cut}-"), ("If-Range", str(header(first, validator)))

    second = asked("GET", *resume, representation=representation_of(data))

    assert second.status == 206
    assert body_of(first, data)[:cut] + body_of(second, data) == data


@settings(deadline=None)
@given(st.integers(1, 5000), st.data())
def test_a_download_resumed_over_other_bytes_starts_anew(size: int, draw: st.DataObject) -> None:
    before, after = some_bytes(size), some_bytes(size)[::-1] + b"!"
    cut = draw.draw(st.integers(0, size - 1))
    resume = ("Range", f"bytes={cut}-"), ("If-Range", representation_of(before).etag)

    answer = asked("GET", *resume, representation=representation_of(after))

    assert (answer.status, body_of(answer, after)) == (200, after)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4999), st.integers(0, 900)), min_size=2, max_size=8))
def test_parts_put_back_in_their_places_are_the_bytes_asked_for(asked_for: list[tuple[int, int]]) -> None:
    data = some_bytes(5000)
    ranges = ",".join(f"{first}-{first + more}" for first, more in asked_for)
    answer = asked("GET", ("Range", f"bytes={ranges}"), representation=representation_of(data))

    restored = bytearray(5000)
    for start, piece in _pieces(body_of(answer, data), dict(answer.headers)):
        restored[start : start + len(piece)] = piece

    for first, more in asked_for:
        assert restored[first : first + more + 1] == data[first : first + more + 1]


def _pieces(body: bytes, headers: dict[str, str]) -> list[tuple[int, bytes]]:
    if "Content-Range" in headers:
        return [(_start(headers["Content-Range"]), body)]
    boundary = headers["Content-Type"].partition("boundary=")[2].encode()
    parts = body.split(b"\r\n--" + boundary)[1:-1]
    heads_and_bytes = [part[2:].split(b"\r\n\r\n", 1) for part in parts]
    return [(_start(_message(head)["Content-Range"]), piece) for head, piece in heads_and_bytes]


def _message(head: bytes) -> Message:
    return message_from_bytes(head)


def _start(content_range: str) -> int:
    return int(content_range.removeprefix("bytes ").partition("-")[0])
