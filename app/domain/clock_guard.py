"""Judges whether the wall clock may be trusted with deleting by age.

A clock that jumps ahead makes every image old.  A jump is seen against the last time a sweep saw, and within one
process against the monotonic clock.  It cannot be told from a long rest, so both wait for one more sweep.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

BACKWARDS_TOLERANCE = timedelta(minutes=5)
FORWARD_TOLERANCE = timedelta(hours=1)
DEFAULT_GAP = timedelta(days=2)
SETTLING = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A time that was seen on the clock, and whether it was suspect."""

    at: datetime
    is_suspect: bool


@dataclass(frozen=True, slots=True)
class Elapsed:
    """How far the two clocks of one process went in the same while."""

    wall: timedelta
    monotonic: timedelta


@dataclass(frozen=True, slots=True)
class ClockVerdict:
    seen: Sighting
    """What to remember, and to give to the next judgement."""
    reason: str | None
    """Why the clock is suspect, for people."""

    @property
    def ok(self) -> bool:
        return self.reason is None


def judge_clock(
    now: datetime,
    *,
    last_seen: Sighting | None,
    newest: datetime | None,
    elapsed: Elapsed | None = None,
    max_gap: timedelta = DEFAULT_GAP,
) -> ClockVerdict:
    """Judge *now* by what is known of earlier times; nothing known is nothing against it.

    Suspect: earlier than the last sighting by 5 minutes; later by more than *max_gap*; within a process (*elapsed*)
    an hour ahead of the monotonic clock; and for an hour after it was suspect, for a restart is no second opinion.
    *newest*, the latest time stored, stands in for a sighting that is missing.
    """
    # Only then: one image stored on a wrong clock would otherwise stop every sweep until its time has come.
    anchor = newest if last_seen is None else last_seen.at
    if jump := _jump(now, anchor, elapsed, max_gap):
        return ClockVerdict(Sighting(now, is_suspect=True), jump)
    if last_seen and last_seen.is_suspect and now < last_seen.at + SETTLING:
        return ClockVerdict(
            last_seen, f"the clock was suspect at {_stamp(last_seen.at)} and must run steadily for an hour"
        )
    return ClockVerdict(Sighting(now, is_suspect=False), None)


def _jump(now: datetime, anchor: datetime | None, elapsed: Elapsed | None, max_gap: timedelta) -> str | None:
    if elapsed and elapsed.wall - elapsed.monotonic > FORWARD_TOLERANCE:
        return f"the clock says {elapsed.wall} have passed, but it was {elapsed.monotonic}"
    if anchor is None:
        return None
    if anchor - now > BACKWARDS_TOLERANCE:
        return f"the clock says {_stamp(now)}, but it was {_stamp(anchor)} before"
    if now - anchor > max_gap:
        return f"the clock says {_stamp(now)}, and nothing was seen since {_stamp(anchor)}"
    return None


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
