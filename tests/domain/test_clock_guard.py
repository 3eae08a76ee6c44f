"""When a clock may be trusted with deleting by age."""

from datetime import timedelta

import pytest

from app.domain.clock_guard import Elapsed, Sighting, judge_clock
from tests.support.retention_fakes import DAY, HOUR, NOW

MINUTE = timedelta(minutes=1)
YEARS = 10 * 365 * DAY


def steady(at: timedelta) -> Sighting:
    return Sighting(NOW + at, is_suspect=False)


def test_a_fresh_store_has_nothing_against_its_clock() -> None:
    verdict = judge_clock(NOW, last_seen=None, newest=None)
    assert verdict.ok
    assert verdict.seen == Sighting(NOW, is_suspect=False)


@pytest.mark.parametrize("ago", [-4 * MINUTE, timedelta(), DAY, 2 * DAY], ids=str)
def test_a_clock_near_its_last_sighting_is_fine(ago: timedelta) -> None:
    assert judge_clock(NOW, last_seen=steady(-ago), newest=None).ok


@pytest.mark.parametrize("ahead", [6 * MINUTE, DAY, YEARS], ids=str)
def test_a_clock_behind_its_last_sighting_is_suspect(ahead: timedelta) -> None:
    verdict = judge_clock(NOW, last_seen=steady(ahead), newest=None)
    assert verdict.reason is not None
    assert verdict.reason.startswith("the clock says 2026-08-01T12:00:00Z, but it was ")
    assert verdict.seen == Sighting(NOW, is_suspect=True)


@pytest.mark.parametrize("ago", [2 * DAY + MINUTE, 7 * DAY, YEARS], ids=str)
def test_a_clock_far_past_its_last_sighting_is_suspect(ago: timedelta) -> None:
    assert not judge_clock(NOW, last_seen=steady(-ago), newest=None).ok


def test_a_service_that_sweeps_weekly_allows_for_it() -> None:
    assert judge_clock(NOW, last_seen=steady(-7 * DAY), newest=None, max_gap=14 * DAY).ok


@pytest.mark.parametrize("newest", [6 * MINUTE, YEARS, -3 * DAY, -YEARS], ids=str)
def test_before_the_first_sweep_the_newest_image_stands_in_for_a_sighting(newest: timedelta) -> None:
    assert not judge_clock(NOW, last_seen=None, newest=NOW + newest).ok


def test_the_first_sweep_of_a_store_in_use_goes_ahead() -> None:
    assert judge_clock(NOW, last_seen=None, newest=NOW - HOUR).ok


def test_an_image_stored_on_a_wrong_clock_does_not_stop_later_sweeps() -> None:
    assert judge_clock(NOW, last_seen=steady(-DAY), newest=NOW + YEARS).ok


def test_a_wall_clock_that_outruns_the_monotonic_one_is_suspect() -> None:
    elapsed = Elapsed(wall=26 * HOUR, monotonic=24 * HOUR)
    verdict = judge_clock(NOW, last_seen=steady(-26 * HOUR), newest=None, elapsed=elapsed)
    assert verdict.reason == "the clock says 1 day, 2:00:00 have passed, but it was 1 day, 0:00:00"


def test_a_small_correction_of_the_clock_is_fine() -> None:
    elapsed = Elapsed(wall=24 * HOUR + 20 * MINUTE, monotonic=24 * HOUR)
    assert judge_clock(NOW, last_seen=steady(-DAY), newest=None, elapsed=elapsed).ok


def test_a_suspect_clock_is_trusted_once_it_has_run_steadily() -> None:
    verdict = judge_clock(NOW, last_seen=Sighting(NOW - DAY, is_suspect=True), newest=None)
    assert verdict.ok
    assert verdict.seen == Sighting(NOW, is_suspect=False)


def test_a_restart_right_after_a_suspicion_is_no_second_opinion() -> None:
    first = Sighting(NOW - MINUTE, is_suspect=True)
    verdict = judge_clock(NOW, last_seen=first, newest=None)
    assert not verdict.ok
    assert verdict.seen == first, "or every restart would make the wait longer"


def test_a_clock_that_jumps_again_is_suspect_again() -> None:
    verdict = judge_clock(NOW, last_seen=Sighting(NOW + YEARS, is_suspect=True), newest=None)
    assert verdict.seen == Sighting(NOW, is_suspect=True)
