import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.chat.lines import Lines, LineTooLong

STREAM = "Grüße\n\n世界 🎈\r\n  \nend\n".encode()
WHOLE = ["Grüße".encode(), "世界 🎈".encode(), b"end"]


def read(*parts: bytes, longest: int = 100) -> list[bytes]:
    lines = Lines(longest=longest)
    found = [line for part in parts for line in lines.feed(part)]
    return [*found, *([rest] if (rest := lines.rest()) else [])]


@pytest.mark.parametrize("position", range(len(STREAM) + 1))
def test_lines_are_the_same_wherever_they_are_cut(position: int) -> None:
    assert read(STREAM[:position], STREAM[position:]) == WHOLE


def test_lines_are_the_same_byte_by_byte() -> None:
    assert read(*(bytes([byte]) for byte in STREAM)) == WHOLE


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_cutting_changes_nothing(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert read(*parts, longest=1000) == read(whole, longest=1000)
    assert read(whole, longest=1000) == [stripped for line in whole.split(b"\n") if (stripped := line.strip())]


def test_what_has_no_end_is_the_rest() -> None:
    lines = Lines(longest=100)
    assert lines.feed(b"one\ntw") == [b"one"]
    assert lines.rest() == b"tw"
    assert lines.rest() == b""


@pytest.mark.parametrize("data", [b"x" * 11, b"x" * 11 + b"\n", b"a\n" + b"x" * 11], ids=["open", "whole", "second"])
def test_a_line_without_end_is_refused(data: bytes) -> None:
    with pytest.raises(LineTooLong):
        Lines(longest=10).feed(data)


def test_a_line_may_grow_to_the_limit_and_no_further() -> None:
    lines = Lines(longest=10)
    assert lines.feed(b"x" * 10) == []
    with pytest.raises(LineTooLong):
        lines.feed(b"x")
