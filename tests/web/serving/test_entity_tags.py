"""Lists of entity-tags, well written and not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.web.serving.tags import matches

OURS = '"abc"'


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('"abc"', id="alone"),
        pytest.param('"x", "abc"', id="last"),
        pytest.param('"abc","x"', id="first"),
        pytest.param('"x" \t,\t "abc" ', id="spaces and tabs"),
        pytest.param(',, "abc",,', id="empty elements"),
        pytest.param('"a,b", "abc"', id="comma inside a tag"),
        pytest.param('W/"x", "abc"', id="beside a weak one"),
        pytest.param('"", "abc"', id="beside the empty tag"),
        pytest.param('"ü\udcff", "abc"', id="beside other bytes"),
        pytest.param(" * ", id="any"),
    ],
)
def test_a_list_that_holds_our_tag_matches_strongly_and_weakly(text: str) -> None:
    assert matches(text, OURS, strong=True)
    assert matches(text, OURS, strong=False)


def test_a_weak_tag_matches_only_weakly() -> None:
    assert matches('W/"abc"', OURS, strong=False)
    assert not matches('W/"abc"', OURS, strong=True)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param('"abd"', id="another"),
        pytest.param('"ABC"', id="another case"),
        pytest.param("abc", id="no quotes"),
        pytest.param("'abc'", id="other quotes"),
        pytest.param('"abc', id="no end"),
        pytest.param('w/"abc"', id="small w"),
        pytest.param('W/ "abc"', id="space after the slash"),
        pytest.param('"abc" "x"', id="no comma"),
        pytest.param('"abc", x', id="one element is no tag"),
        pytest.param('"abc", *', id="star in a list"),
        pytest.param('"a bc", "abc"', id="space in a tag"),
    ],
)
def test_a_list_without_our_tag_or_beyond_reading_matches_nothing(text: str) -> None:
    assert not matches(text, OURS, strong=True)
    assert not matches(text, OURS, strong=False)


@settings(deadline=None)
@given(st.text(alphabet='"W/, \t*abc\x7fü', max_size=60))
def test_no_list_is_too_strange(text: str) -> None:
    strong, weak = matches(text, OURS, strong=True), matches(text, OURS, strong=False)

    assert weak or not strong
    assert not weak or OURS in text or text.strip() == "*"


@pytest.mark.parametrize("text", [" " * 8000 + "x", '"' * 8000, ", " * 4000 + "x", 'W/"' * 2700])
def test_a_hostile_list_matches_nothing(text: str) -> None:
    assert not matches(text, OURS, strong=False)
