"""Outages made to measure, on the simulated clock."""

import pytest

from benchmarks.reliability.simulator import Plot, simulate
from benchmarks.reliability.weather import Outage

pytestmark = pytest.mark.xdist_group("reliability")

MINUTE = 60.0
SEED = 1


def outage(start: float, end: float, *of: str) -> Outage:
    return Outage(start * MINUTE, end * MINUTE, of)


SILENT_DELIVERY = Plot(predictions=6, hours=0.1, durations=(5.0,), outages=(outage(0, 50, "delivery"),))


def test_a_delivery_host_that_is_silent_for_fifty_minutes_costs_nothing() -> None:
    assert simulate(SILENT_DELIVERY, seed=SEED).findings == []


def test_retries_that_are_counted_would_lose_something() -> None:
    assert not simulate(SILENT_DELIVERY, seed=SEED, mistake="counts_attempts").holds


def test_a_provider_that_is_silent_past_a_generations_deadline_costs_nothing() -> None:
    # Begun in the first six minutes, ended in minute 20 to 26, so alive until minute 80: the outage ends well before.
    plot = Plot(predictions=6, hours=0.1, durations=(20 * MINUTE,), outages=(outage(10, 68, "api", "webhooks"),))

    assert simulate(plot, seed=SEED).findings == []
