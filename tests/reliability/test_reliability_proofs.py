"""An instrument that sees no planted mistake proves nothing.  One or two for each; the whole list is in `PROOFS`."""

import random

import pytest

from benchmarks.reliability import enumeration, instruments
from benchmarks.reliability.crew import Crew
from benchmarks.reliability.enumeration import Extent
from benchmarks.reliability.instruments import PROOFS, Proof

pytestmark = pytest.mark.xdist_group("reliability")

CRASHES = [proof for proof in PROOFS if proof.instrument == "crash" and proof.sample <= 20]
TRACES = [proof for proof in PROOFS if proof.mistake in {"no_folder_fsync", "synchronous_normal"}]


@pytest.mark.parametrize("proof", CRASHES, ids=str)
def test_a_crash_shows_the_mistake(workers: Crew, proof: Proof) -> None:
    extent = Extent(
        chance=random.Random(1), sample=proof.sample, pairs=0, mistake=proof.mistake, scenarios=proof.scenarios
    )

    assert not enumeration.crashes(workers, extent).holds


@pytest.mark.parametrize("proof", TRACES, ids=str)
def test_a_trace_or_a_power_cut_shows_the_mistake(proof: Proof) -> None:
    report = instruments.prove(proof, seed=1)
    if report.skipped:
        pytest.skip(report.skipped)

    assert not report.holds
