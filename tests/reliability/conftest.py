"""One crew of fork servers for all tests, and the instruments at their smallest scale."""

from collections.abc import Iterator

import pytest

from benchmarks.reliability import instruments
from benchmarks.reliability.crew import Crew, crew
from benchmarks.reliability.instruments import Scale
from benchmarks.reliability.missing import Missing


@pytest.fixture(scope="session")
def workers() -> Iterator[Crew]:
    try:
        with crew(servers=2) as workers:
            yield workers
    except Missing as lack:
        pytest.skip(str(lack))


@pytest.fixture
def scale() -> Scale:
    return instruments.smoke(seed=1)
