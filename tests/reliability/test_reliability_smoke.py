"""A sample of every instrument.  `python -m benchmarks.reliability` tries all of it."""

import random
from dataclasses import replace

import pytest

from benchmarks.reliability import enumeration, instruments
from benchmarks.reliability.crew import Crew
from benchmarks.reliability.enumeration import Extent
from benchmarks.reliability.instruments import Scale
from benchmarks.reliability.report import Report

pytestmark = pytest.mark.xdist_group("reliability")


def held(report: Report) -> Report:
    if report.skipped:
        pytest.skip(report.skipped)
    assert report.findings == []
    return report


def test_a_crash_at_any_call_costs_nothing(workers: Crew) -> None:
    report = held(enumeration.crashes(workers, Extent(chance=random.Random(), sample=3, pairs=10)))

    assert report.tried > 50


def test_any_call_may_fail(workers: Crew) -> None:
    report = held(enumeration.faults(workers, Extent(chance=random.Random(), sample=1)))

    assert report.tried > 50


def test_an_answer_follows_the_fsyncs_it_stands_for(scale: Scale) -> None:
    report = held(instruments.run("trace", scale))

    assert report.tried == 9


def test_a_power_cut_takes_back_no_answer(scale: Scale) -> None:
    held(instruments.run("power", scale))


def test_a_killed_service_converges(scale: Scale) -> None:
    held(instruments.run("kill", scale))


def test_outages_shorter_than_a_sources_life_lose_nothing(scale: Scale) -> None:
    # Jobs of up to a minute; longer ones have a test of their own.
    plot = replace(scale.plot, durations=(0.5, 2.0, 5.0, 15.0, 60.0))
    held(instruments.run("clock", replace(scale, plot=plot)))
