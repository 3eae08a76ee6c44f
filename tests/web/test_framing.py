"""Where requests begin: followed along as long as that is sure."""

import pytest

from app.web.framing import Framing, is_whole

HEAD = b"GET /v1/images/hosted/ana/pic.png?w=160 HTTP/1.1\r\nHost: a.example\r\n"
WHOLE, OTHER = HEAD + b"\r\n", b"DELETE /a HTTP/1.1\r\nA: b\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nContent-Length: 4\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (HEAD + b"\r\n", True),
        (b"DELETE /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", True),
        (b"GET /a HTTP/1.1\r\nX-Content-Length: 5\r\n\r\n", True),
        (b"", False),
        (b"\r\n", False),
        (HEAD, False),
        (HEAD + b"\r\nG", False),
        (HEAD + b"\r\n" + HEAD + b"\r\n", False),
        (HEAD + b"content-LENGTH: 0\r\n\r\n", False),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", False),
        (HEAD + b"Upgrade: a\r\n\r\n", False),
        (HEAD + b"Expect: 100-continue\r\n\r\n", False),
        (HEAD + b"Content-Length : 5\r\n\r\n", False),
        (HEAD + b"A: b\r\n Content-Length: 5\r\n\r\n", False),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", False),
    ],
)
def test_a_whole_request_is_one_that_surely_ends_where_its_bytes_end(data: bytes, *, expected: bool) -> None:
    assert is_whole(data) == expected


@pytest.mark.parametrize(
    ("data", "pieces", "is_at_start", "is_in_head"),
    [
        (b"", [b""], True, False),
        (WHOLE, [WHOLE], True, False),
        (WHOLE + OTHER + WHOLE, [WHOLE, OTHER, WHOLE], True, False),
        (HEAD, [HEAD], False, True),
        (WHOLE + HEAD, [WHOLE, HEAD], False, True),
        (WHOLE + b"G", [WHOLE, b"G"], False, True),
        (POST, [POST], False, False),
        (WHOLE + POST + b"body" + WHOLE, [WHOLE, POST + b"body" + WHOLE], False, False),
        (b"canary\r\n\r\n" + WHOLE, [b"canary\r\n\r\n" + WHOLE], False, False),
        (WHOLE + HEAD + b"A: " + b"b" * 5000, [WHOLE, HEAD + b"A: " + b"b" * 5000], False, False),
    ],
    ids=[
        "nothing",
        "one",
        "three",
        "part",
        "one and part",
        "one and letter",
        "body",
        "body in between",
        "nonsense",
        "long",
    ],
)
def test_pieces_end_where_requests_surely_do(
    data: bytes, pieces: list[bytes], *, is_at_start: bool, is_in_head: bool
) -> None:
    framing = Framing()
    assert framing.split(data) == pieces
    assert (framing.is_at_start, framing.is_in_head) == (is_at_start, is_in_head)


@pytest.mark.parametrize("at", range(1, len(WHOLE + OTHER), 5))
def test_heads_may_come_in_two_pieces(at: int) -> None:
    framing, data = Framing(), WHOLE + OTHER
    pieces = [piece for part in (data[:at], data[at:]) for piece in framing.split(part)]
    assert (b"".join(pieces), framing.is_at_start) == (data, True)
    assert framing.split(WHOLE + OTHER) == [WHOLE, OTHER]


def test_heads_may_come_byte_by_byte() -> None:
    framing = Framing()
    states = []
    for byte in WHOLE:
        assert framing.split(bytes([byte])) == [bytes([byte])]
        states.append((framing.is_at_start, framing.is_in_head))
    assert states == [(False, True)] * (len(WHOLE) - 1) + [(True, False)]


def test_what_was_not_sure_once_never_is_again() -> None:
    framing = Framing()
    framing.split(POST)
    assert framing.split(WHOLE + WHOLE) == [WHOLE + WHOLE]
    assert (framing.is_at_start, framing.is_in_head) == (False, False)


def test_more_requests_than_are_read_at_once_come_in_one_piece() -> None:
    framing = Framing()
    pieces = framing.split(OTHER * 100)
    assert (len(pieces), b"".join(pieces), framing.is_at_start) == (33, OTHER * 100, False)
