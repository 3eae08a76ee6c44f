"""Preconditions one by one, and in the order in which they count (RFC 9110 §13.2.2)."""

from datetime import timedelta

import pytest
from multidict import CIMultiDict

from app.web.serving.conditions import Verdict, allows_range, evaluate
from tests.web.serving.pictures import EARLIER_DATE, HOSTED, HOSTED_DATE, LATER_DATE, NOW, PICTURE

TAG = PICTURE.etag
NEW, GO, OLD = Verdict.FAILED, Verdict.PROCEED, Verdict.NOT_MODIFIED

# fmt: off
ONE_CONDITION = [
    #  field                  value                    verdict
    ("If-Match",             TAG,                      GO),
    ("If-Match",             "*",                      GO),
    ("If-Match",             f'"x", {TAG}',            GO),
    ("If-Match",             '"x"',                    NEW),
    ("If-Match",             f"W/{TAG}",               NEW),
    ("If-Match",             "garbage",                NEW),
    ("If-Match",             "",                       NEW),
    ("If-Unmodified-Since",  HOSTED_DATE,              GO),
    ("If-Unmodified-Since",  LATER_DATE,               GO),
    ("If-Unmodified-Since",  EARLIER_DATE,             NEW),
    ("If-Unmodified-Since",  "garbage",                GO),
    ("If-None-Match",        TAG,                      OLD),
    ("If-None-Match",        f"W/{TAG}",               OLD),
    ("If-None-Match",        f'"x", W/"y", {TAG}',     OLD),
    ("If-None-Match",        "*",                      OLD),
    ("If-None-Match",        '"x"',                    GO),
    ("If-None-Match",        PICTURE.sha256,           GO),
    ("If-Modified-Since",    HOSTED_DATE,              OLD),
    ("If-Modified-Since",    LATER_DATE,               OLD),
    ("If-Modified-Since",    EARLIER_DATE,             GO),
    ("If-Modified-Since",    "garbage",                GO),
    ("If-Modified-Since",    "Tuesday, 03-Nov-26 08:30:15 GMT", OLD),
    ("If-Modified-Since",    "Tue Nov  3 08:30:15 2026", OLD),
]
# fmt: on


def verdict(method: str, *fields: tuple[str, str]) -> Verdict:
    return evaluate(method, CIMultiDict(fields), PICTURE, now=NOW)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("field", "value", "expected"), ONE_CONDITION)
def test_a_condition_alone_decides(method: str, field: str, value: str, expected: Verdict) -> None:
    assert verdict(method, (field, value)) is expected


def test_no_condition_lets_the_request_go_on() -> None:
    assert verdict("GET") is GO


def test_field_names_are_read_in_any_case() -> None:
    assert verdict("GET", ("if-none-match", TAG)) is OLD


def test_a_match_makes_an_old_date_irrelevant() -> None:
    assert verdict("GET", ("If-Match", TAG), ("If-Unmodified-Since", EARLIER_DATE)) is GO


def test_a_failed_match_is_not_saved_by_a_good_date() -> None:
    assert verdict("GET", ("If-Match", '"x"'), ("If-Unmodified-Since", LATER_DATE)) is NEW


def test_a_failed_match_comes_before_what_the_client_knows() -> None:
    assert verdict("GET", ("If-Match", '"x"'), ("If-None-Match", TAG)) is NEW


def test_an_old_date_comes_before_what_the_client_knows() -> None:
    assert verdict("GET", ("If-Unmodified-Since", EARLIER_DATE), ("If-None-Match", TAG)) is NEW


def test_a_met_match_leaves_the_rest_to_what_the_client_knows() -> None:
    assert verdict("GET", ("If-Match", TAG), ("If-None-Match", TAG)) is OLD


@pytest.mark.parametrize("tags", ['"x"', "garbage", ""], ids=["another tag", "garbage", "empty"])
def test_if_none_match_makes_if_modified_since_irrelevant_even_when_nothing_matches(tags: str) -> None:
    assert verdict("GET", ("If-None-Match", tags), ("If-Modified-Since", LATER_DATE)) is GO


def test_several_fields_are_one_list() -> None:
    assert verdict("GET", ("If-None-Match", '"x"'), ("If-None-Match", TAG)) is OLD
    assert verdict("GET", ("If-Match", TAG), ("If-Match", '"x"')) is GO


def test_two_dates_are_none() -> None:
    twice = (("If-Modified-Since", LATER_DATE), ("If-Modified-Since", LATER_DATE))

    assert verdict("GET", *twice) is GO


def test_a_known_tag_fails_a_method_that_does_not_read() -> None:
    assert verdict("DELETE", ("If-None-Match", TAG)) is NEW


def test_if_modified_since_means_nothing_to_a_method_that_does_not_read() -> None:
    assert verdict("DELETE", ("If-Modified-Since", LATER_DATE)) is GO


@pytest.mark.parametrize(
    ("value", "is_allowed"),
    [
        pytest.param(TAG, True, id="our tag"),
        pytest.param(f" {TAG} ", True, id="our tag in spaces"),
        pytest.param('"x"', False, id="another tag"),
        pytest.param(f"W/{TAG}", False, id="our tag, weak"),
        pytest.param(f'{TAG}, "x"', False, id="a list"),
        pytest.param("*", False, id="star"),
        pytest.param(PICTURE.sha256, False, id="no quotes"),
        pytest.param("", False, id="empty"),
        pytest.param(HOSTED_DATE, True, id="our date"),
        pytest.param("Tue Nov  3 08:30:15 2026", True, id="our date, as asctime"),
        pytest.param(EARLIER_DATE, False, id="an earlier date"),
        pytest.param(LATER_DATE, False, id="a later date"),
    ],
)
def test_if_range_holds_for_our_own_validators_only(value: str, *, is_allowed: bool) -> None:
    assert allows_range(CIMultiDict({"If-Range": value}), PICTURE, now=NOW) is is_allowed


def test_a_range_without_if_range_applies() -> None:
    assert allows_range(CIMultiDict(), PICTURE, now=NOW)


def test_two_if_range_fields_hold_for_nothing() -> None:
    headers = CIMultiDict([("If-Range", TAG), ("If-Range", TAG)])

    assert not allows_range(headers, PICTURE, now=NOW)


def test_a_date_is_too_weak_for_if_range_while_its_second_lasts() -> None:
    headers = CIMultiDict({"If-Range": HOSTED_DATE})
    second = HOSTED.replace(microsecond=0)

    assert not allows_range(headers, PICTURE, now=second + timedelta(microseconds=999_999))
    assert allows_range(headers, PICTURE, now=second + timedelta(seconds=1))
