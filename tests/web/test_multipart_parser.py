"""The parser of forms, without a network: however a body is cut, it is the same form."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.web.errors import MalformedBody, UnsupportedMediaType
from app.web.multipart import FormParser, Part

B = b"bound"
NEARLY = [b"\r\n", b"\r\n--", b"\r\n--boun", b"--bound", b"\r\n--bounce", b"-"]
WORDS = [b"--bound", b"\r\n", b"--", b":", b"a", b'form-data; name="x"', b"Content-Disposition"]
contents = st.binary(max_size=200) | st.sampled_from(NEARLY)
names = st.text("abc_", min_size=1, max_size=5)


def written(parts: list[tuple[str, bytes]]) -> bytes:
    head = '--bound\r\nContent-Disposition: form-data; name="{}"\r\nContent-Type: image/png\r\n\r\n'
    return b"".join(head.format(name).encode() + content + b"\r\n" for name, content in parts) + b"--bound--\r\n"


def read(body: bytes, cuts: list[int]) -> list[tuple[str, bytes]]:
    parser, found = FormParser(B), list[tuple[str, bytes]]()
    for start, stop in zip([0, *cuts], [*cuts, len(body)], strict=True):
        for event in parser.feed(body[start:stop]):
            if isinstance(event, Part):
                found.append((event.name, b""))
            else:
                name, content = found.pop()
                found.append((name, content + event))
    parser.close()
    return found


@settings(max_examples=200, deadline=None)
@given(data=st.data(), parts=st.lists(st.tuples(names, contents), min_size=1, max_size=4))
def test_a_form_is_read_as_it_was_written(data: st.DataObject, parts: list[tuple[str, bytes]]) -> None:
    body = written(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))

    assert read(body, cuts) == parts


@settings(max_examples=200, deadline=None)
@given(body=st.lists(st.sampled_from(WORDS), max_size=20))
def test_nonsense_is_refused_and_nothing_else_happens(body: list[bytes]) -> None:
    try:
        read(b"".join(body), [])
    except (MalformedBody, UnsupportedMediaType):
        return


def test_no_more_is_held_than_could_be_a_boundary() -> None:
    parser = FormParser(B)
    list(parser.feed(written([("a", b"")])[: -len(b"\r\n--bound--\r\n")]))
    for _ in range(100):
        assert sum(len(piece) for piece in parser.feed(bytes(65536)) if isinstance(piece, bytes)) >= 65000

    assert len(parser._buffer) < 100


def test_a_head_that_never_ends_is_given_up() -> None:
    parser, more = FormParser(B), b"X-More: x\r\n" * 100
    list(parser.feed(b"--bound\r\n" + more * 7))
    with pytest.raises(MalformedBody):
        list(parser.feed(more))


def test_parts_are_counted() -> None:
    with pytest.raises(MalformedBody):
        read(written([("a", b"")] * 17), [])
    assert len(read(written([("a", b"")] * 16), [])) == 16


def test_the_type_is_said_without_its_parameters() -> None:
    body = b'--bound\r\nContent-Disposition: form-data; name="f"\r\nContent-Type: Image/PNG; x=y\r\n\r\n'

    assert list(FormParser(B).feed(body)) == [Part("f", "image/png")]
