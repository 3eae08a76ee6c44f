"""What a `Range` field asks of a hundred thousand bytes."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.web.serving.ranges import MAX_RANGES, PART_OVERHEAD, Span, select

SIZE = 100_000
LAST = SIZE - 1
IGNORED = None
UNSATISFIABLE = ()

SATISFIABLE = [
    pytest.param("bytes=0-9", [(0, 10)], id="the first ten"),
    pytest.param("bytes=0-0", [(0, 1)], id="the first"),
    pytest.param(f"bytes={LAST}-", [(LAST, SIZE)], id="the last"),
    pytest.param("bytes=0-", [(0, SIZE)], id="everything"),
    pytest.param("bytes=500-", [(500, SIZE)], id="from the middle"),
    pytest.param(f"bytes=500-{SIZE}", [(500, SIZE)], id="one past the end"),
    pytest.param("bytes=-5", [(SIZE - 5, SIZE)], id="suffix"),
    pytest.param(f"bytes=-{SIZE}", [(0, SIZE)], id="suffix of everything"),
    pytest.param(f"bytes=-{SIZE + 1}", [(0, SIZE)], id="suffix longer than the file"),
    pytest.param("BYTES=0-9", [(0, 10)], id="unit in capitals"),
    pytest.param("bytes=000-0009", [(0, 10)], id="leading zeros"),
    pytest.param(f"bytes={'0' * 5000}5-9", [(5, 10)], id="thousands of zeros"),
    pytest.param(f"bytes=5-{'9' * 5000}", [(5, SIZE)], id="a huge last position"),
    pytest.param(f"bytes=-{'9' * 5000}", [(0, SIZE)], id="a huge suffix"),
    pytest.param("bytes=0-9,50000-50009", [(0, 10), (50_000, 50_010)], id="two"),
    pytest.param("bytes=0-9 \t, \t50000-50009", [(0, 10), (50_000, 50_010)], id="two, spaced"),
    pytest.param("bytes=,0-9,,50000-50009,", [(0, 10), (50_000, 50_010)], id="empty elements"),
    pytest.param("bytes=50000-50009,0-9", [(50_000, 50_010), (0, 10)], id="in the order asked for"),
    pytest.param("bytes=0-9,200000-,-0", [(0, 10)], id="the part that can be satisfied"),
    pytest.param("bytes=0-9,20-29", [(0, 30)], id="close together"),
    pytest.param("bytes=20-29,0-9", [(0, 30)], id="close together, backwards"),
    pytest.param("bytes=0-99,50-199", [(0, 200)], id="overlapping"),
    pytest.param("bytes=0-999,10-19", [(0, 1000)], id="one inside the other"),
    pytest.param("bytes=0-9,10-19", [(0, 20)], id="touching"),
    pytest.param("bytes=0-,-5", [(0, SIZE)], id="everything and its end"),
    pytest.param("bytes=70000-70009,0-9,70010-70019", [(70_000, 70_020), (0, 10)], id="merged into the earlier asked"),
]


@pytest.mark.parametrize(("text", "expected"), SATISFIABLE)
def test_a_satisfiable_range_selects_its_bytes(text: str, expected: list[tuple[int, int]]) -> None:
    assert select(text, SIZE) == tuple(expected)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("bytes=-0", id="the last none"),
        pytest.param(f"bytes={SIZE}-", id="from the end"),
        pytest.param(f"bytes={SIZE}-{SIZE + 10}", id="behind the end"),
        pytest.param(f"bytes={'9' * 5000}-", id="a huge first position"),
        pytest.param(f"bytes={'8' * 5000}-{'9' * 5000}", id="both huge"),
        pytest.param("bytes=200000-,300000-,-0", id="several"),
    ],
)
def test_a_range_without_a_byte_in_the_file_is_unsatisfiable(text: str) -> None:
    assert select(text, SIZE) == UNSATISFIABLE


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("items=0-5", id="another unit"),
        pytest.param("0-9", id="no unit"),
        pytest.param("", id="empty"),
        pytest.param("bytes", id="only a unit"),
        pytest.param("bytes=", id="no range"),
        pytest.param("bytes=,,", id="only commas"),
        pytest.param("bytes=-", id="no digits"),
        pytest.param("bytes=abc", id="letters"),
        pytest.param("bytes=5-3", id="backwards"),
        pytest.param(f"bytes={'9' * 5000}-3", id="hugely backwards"),
        pytest.param("bytes= 0-9", id="space before the first"),
        pytest.param("bytes =0-9", id="space after the unit"),
        pytest.param("bytes=0 - 9", id="spaces inside"),
        pytest.param("bytes=0-9-", id="two dashes"),
        pytest.param("bytes=--9", id="minus nine"),
        pytest.param("bytes=+1-9", id="a sign"),
        pytest.param("bytes=0x1-9", id="hexadecimal"),
        pytest.param("bytes=\N{ARABIC-INDIC DIGIT ONE}-9", id="digits of another script"),
        pytest.param("bytes=1_0-20", id="underscore"),
        pytest.param("bytes=0-9;20-29", id="semicolon"),
        pytest.param("bytes=0-9,5-3", id="one bad among good"),
        pytest.param("bytes=0-9,abc", id="one unreadable among good"),
    ],
)
def test_what_is_not_well_said_is_ignored(text: str) -> None:
    assert select(text, SIZE) is IGNORED


def test_an_empty_file_has_no_ranges() -> None:
    assert select("bytes=0-9", 0) is IGNORED
    assert select("bytes=-5", 0) is IGNORED


def test_as_many_ranges_as_allowed_are_selected_and_one_more_is_ignored() -> None:
    ranges = [f"{place * 1000}-{place * 1000 + 9}" for place in range(MAX_RANGES + 1)]

    assert select(f"bytes={','.join(ranges[:-1])}", SIZE) == tuple(
        (place * 1000, place * 1000 + 10) for place in range(MAX_RANGES)
    )
    assert select(f"bytes={','.join(ranges)}", SIZE) is IGNORED


def test_a_gap_smaller_than_the_overhead_of_a_part_is_sent_along() -> None:
    assert select(f"bytes=0-9,{9 + PART_OVERHEAD}-{LAST}", SIZE) == ((0, SIZE),)
    assert select(f"bytes=0-9,{10 + PART_OVERHEAD}-{LAST}", SIZE) == ((0, 10), (10 + PART_OVERHEAD, SIZE))


def test_a_span_knows_its_size() -> None:
    assert Span(10, 30).size == 20


SPECS = st.one_of(
    st.tuples(st.integers(0, 3000), st.integers(0, 3000)).map(lambda pair: f"{pair[0]}-{pair[1]}"),
    st.integers(0, 3000).map(lambda first: f"{first}-"),
    st.integers(0, 3000).map(lambda last: f"-{last}"),
)
WELL_FORMED = st.lists(SPECS, min_size=1, max_size=MAX_RANGES).map(lambda specs: f"bytes={','.join(specs)}")


@settings(deadline=None)
@given(st.one_of(st.text(max_size=80), WELL_FORMED), st.integers(0, 2000))
def test_whatever_is_asked_the_parts_are_disjoint_and_lie_inside_the_file(text: str, size: int) -> None:
    spans = sorted(select(text, size) or ())

    assert all(0 <= span.start < span.stop <= size for span in spans)
    assert all(before.stop < after.start for before, after in pairwise(spans))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 500)), min_size=1, max_size=MAX_RANGES))
def test_every_byte_asked_for_is_in_a_part_and_ranges_in_order_give_parts_in_order(
    asked: list[tuple[int, int]],
) -> None:
    ranges = sorted((first, first + more) for first, more in asked)
    spans = select("bytes=" + ",".join(f"{first}-{last}" for first, last in ranges), 2000)

    assert spans is not None
    wanted = {place for first, last in ranges for place in range(first, last + 1) if place < 2000}
    assert wanted <= {place for span in spans for place in range(span.start, span.stop)}
    assert list(spans) == sorted(spans)
