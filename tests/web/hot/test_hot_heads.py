"""What is taken for a plain head, and what is left to the parser."""

import pytest

from app.web.hot.heads import HeadReader

LINE = b"GET /v1/images/hosted/ana/pic.png?w=160 HTTP/1.1\r\n"
HEAD = LINE + b"Host: a.example\r\n"


def reader(address_header: str | None = None) -> HeadReader:
    return HeadReader(address_header=address_header)


def test_a_plain_head_is_read() -> None:
    head = reader().find(HEAD + b"RANGE:bytes=0-\t\r\nAccept: */*\r\nrange: \r\nX-Railway-Request-Id: a-1\r\n\r\n")
    assert head is not None
    assert (head.method, head.target, head.host) == ("GET", b"/v1/images/hosted/ana/pic.png?w=160", b"a.example")
    assert head.conditions == ((b"range", b"bytes=0-"), (b"range", b""))
    assert (head.request_id, head.address, head.is_dated) == (b"a-1", None, False)
    assert head.headers().getall("Range") == ["bytes=0-", ""]


@pytest.mark.parametrize("name", [b"If-Modified-Since", b"if-unmodified-since", b"IF-RANGE"])
def test_dates_are_known_to_depend_on_the_time(name: bytes) -> None:
    head = reader().find(HEAD + name + b": x\r\n\r\n")
    assert head is not None
    assert head.is_dated


def test_the_address_is_found_in_the_named_header() -> None:
    data = HEAD + b"x-real-ip: 192.0.2.1\r\n\r\n"
    known, unknown = reader("X-Real-IP").find(data), reader().find(data)
    assert known is not None
    assert unknown is not None
    assert (known.address, unknown.address) == (b"192.0.2.1", None)


def test_a_header_whose_name_only_begins_alike_is_another() -> None:
    head = reader().find(HEAD + b"Ranges: a\r\nX-Range: b\r\nHosts: c\r\nContent-Lengths: 5\r\n\r\n")
    assert head is not None
    assert (head.conditions, head.host) == ((), b"a.example")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEAD,
        HEAD + b"\r\n\r\n",
        HEAD + b"\r\nG",
        b"\r\n" + HEAD + b"\r\n",
        HEAD[:-2] + b"\n\r\n",
        HEAD + b" a\r\n\r\n",
        HEAD + b"a\r\n\r\n",
        HEAD + b": a\r\n\r\n",
        HEAD + b"A: \x00\r\n\r\n",
        HEAD + b"A: \x0b\r\n\r\n",
        HEAD + b"A: \x80\r\n\r\n",
        HEAD + b"A: \x7f\r\n\r\n",
        HEAD + b"A: b\rc\r\n\r\n",
        HEAD + b"Host: a.example\r\n\r\n",
        LINE + b"A: b\r\n\r\n",
        LINE + b"\r\n",
        HEAD + b"Connection: close\r\n\r\n",
        HEAD + b"Connection: keep-alive, Range\r\n\r\n",
        HEAD + b"Connection: keep-alive\r\nConnection: keep-alive\r\n\r\n",
        HEAD + b"Connection:\r\n\r\n",
        HEAD + b"Content-Length: 0\r\n\r\n",
        HEAD + b"Transfer-Encoding: identity\r\n\r\n",
        HEAD + b"Content-Encoding: identity\r\n\r\n",
        HEAD + b"Expect: 100-continue\r\n\r\n",
        HEAD + b"Upgrade: h2c\r\n\r\n",
        HEAD + b"X-Railway-Request-Id: a b\r\n\r\n",
        HEAD + b"X-Railway-Request-Id: \r\n\r\n",
        HEAD + b"X-Railway-Request-Id: a\r\nX-Railway-Request-Id: a\r\n\r\n",
        HEAD + b"A: b\r\n" * 64 + b"\r\n",
        HEAD + b"A: " + b"b" * 4096 + b"\r\n\r\n",
        HEAD.replace(b"GET", b"POST") + b"\r\n",
        HEAD.replace(b"GET", b"get") + b"\r\n",
        HEAD.replace(b"1.1", b"1.0") + b"\r\n",
        HEAD.replace(b" /", b"  /") + b"\r\n",
        HEAD.replace(b" /", b" http://a.example/") + b"\r\n",
        HEAD.replace(b"/v1", b"//v1") + b"\r\n",
        HEAD.replace(b"pic", b"pic#a") + b"\r\n",
        HEAD.replace(b"pic", b"p" * 600) + b"\r\n",
    ],
)
def test_everything_else_is_the_parsers(data: bytes) -> None:
    found = reader()
    assert [found.find(data) for _ in range(2)] == [None, None]


def test_no_more_words_are_remembered_than_clients_use() -> None:
    found = reader()
    for number in range(2000):
        assert found.find(HEAD + b"A: %d\r\n\r\n" % number) is not None
    assert len(found._known) <= 512


def test_words_with_an_id_in_them_are_not_remembered() -> None:
    found = reader()
    assert found.find(HEAD + b"X-Railway-Request-Id: a\r\n\r\n") is not None
    assert not found._known
