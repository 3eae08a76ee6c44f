"""The gauges: set from one measurement each time someone looks, never kept up to date in between."""

from math import nan

from prometheus_client import CollectorRegistry, Gauge

from app.domain.metrics import Levels, Task


class LevelGauges:
    """What cannot be told is NaN, on which no comparison holds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, what: str, *labels: str) -> Gauge:
            # Of several processes, the one that is asked has just measured for all.
            return Gauge(name, what, labels, registry=registry, multiprocess_mode="mostrecent")

        self._captures = gauge("holdfast_captures_open", "Captures not settled yet.")
        self._at_risk = gauge("holdfast_images_at_risk", "Images whose source dies within 15 minutes, or is past it.")
        self._bytes = gauge("holdfast_images_at_risk_bytes", "Bytes of those at risk, as far as known.")
        self._deadline = gauge(
            "holdfast_capture_deadline_seconds", "Seconds to the earliest deadline of an open capture; +Inf: none."
        )
        self._free = gauge("holdfast_volume_free_bytes", "Free bytes of the volume.")
        self._ready = gauge("holdfast_ready", "1 while /readyz answers 200.")
        self._success = gauge(
            "holdfast_last_success_timestamp_seconds", "When a task last succeeded; 0: it never did.", "task"
        )

    def set(self, levels: Levels) -> None:
        risk = levels.risk
        for gauge, level in (
            (self._captures, risk.open if risk else None),
            (self._at_risk, risk.near if risk else None),
            (self._bytes, risk.near_bytes if risk else None),
            (self._deadline, levels.seconds_to_deadline),
            (self._free, levels.free_bytes),
        ):
            gauge.set(nan if level is None else level)
        self._ready.set(levels.is_ready)
        for task in Task:
            at = levels.successes.get(task) if levels.successes is not None else None
            never = nan if levels.successes is None else 0
            self._success.labels(task.value).set(at.timestamp() if at else never)
