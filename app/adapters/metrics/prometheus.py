"""`Metrics` in Prometheus' text format, in a registry of its own: two services in one process do not mix."""

from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from app.adapters.metrics import together
from app.adapters.metrics.chats import ChatNumbers
from app.adapters.metrics.levels import LevelGauges
from app.domain.conversations import MessageStatus
from app.domain.images import ImageStatus
from app.domain.metrics import Exposition, Levels
from app.domain.retention import Reason
from app.domain.variants import Outcome

# From a picture out of memory to a generation that is waited for.
_SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60)
# From a quick download to the hour a source lives.
_CAPTURE_SECONDS = (0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 1800, 2700, 3600)


class PrometheusMetrics:
    def __init__(self, *, version: str, shared: Path | None = None) -> None:
        """*shared* is the folder where several processes count together."""
        self._registry = CollectorRegistry()
        self._shared = shared
        own = CollectorRegistry()
        self._shown = (own, self._registry if shared is None else together.sums(shared))
        if shared is None:
            ProcessCollector(registry=own)
        Info("holdfast_build", "What is running.", registry=own).info({"version": version})
        together.be_counted(self._registry)
        self._requests = self._counter("holdfast_requests", "Requests answered.", "method", "route", "status")
        self._seconds = Histogram(
            "holdfast_request_seconds",
            "Seconds from a request's head to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._answered: dict[tuple[str, str, str], Callable[[float], None]] = {}
        self._images = self._counter("holdfast_images", "Captures that ended, by how.", "status")
        self._lost = self._counter("holdfast_images_lost", "Images lost: never captured, or their file is gone.")
        self._stored = self._counter("holdfast_stored_bytes", "Bytes of captured images.")
        self._capture = Histogram(
            "holdfast_capture_seconds",
            "Seconds from when the provider had made an image, or it was asked for, until it was stored.",
            buckets=_CAPTURE_SECONDS,
            registry=self._registry,
        )
        self._retries = self._counter("holdfast_capture_retries", "Attempts that failed and are made again.", "code")
        self._removed = self._counter("holdfast_sweep_removed_images", "Images removed by sweeps.", "reason")
        self._variants = self._counter(
            "holdfast_variants",
            "Variants asked for, by how they came about: made once, joined by who waits.",
            "outcome",
        )
        self._chats = ChatNumbers(self._registry)
        self._levels = LevelGauges(self._registry)
        # An alert on an increase needs the 0 before the first one.
        for status in (ImageStatus.STORED, ImageStatus.REJECTED, ImageStatus.LOST):
            self._images.labels(status.value)
        for reason in Reason:
            self._removed.labels(reason.value)
        for outcome in Outcome:
            self._variants.labels(outcome.value)

    def request_answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        self.request_counter(method=method, route=route, status=status)(seconds)

    def request_counter(self, *, method: str, route: str, status: int) -> Callable[[float], None]:
        # 0: the client left before there was an answer.
        key = method, route, f"{status // 100}xx" if status else "gone"
        counter = self._answered.get(key)
        if counter is None:
            # Looking children up by their labels costs more than all the rest, and there are only so many.
            counter = self._answered[key] = _counting(self._requests.labels(*key), self._seconds.labels(route))
        return counter

    def image_stored(self, *, size: int, seconds: float) -> None:
        self._images.labels(ImageStatus.STORED.value).inc()
        self._stored.inc(size)
        self._capture.observe(seconds)

    def image_ended(self, status: ImageStatus) -> None:
        self._images.labels(status.value).inc()
        if status is ImageStatus.LOST:
            self._lost.inc()

    def files_lost(self, count: int) -> None:
        self._lost.inc(count)

    def capture_retried(self, code: str) -> None:
        self._retries.labels(code).inc()

    def images_removed(self, reason: str, count: int) -> None:
        self._removed.labels(reason).inc(count)

    def variant_served(self, outcome: Outcome) -> None:
        self._variants.labels(outcome.value).inc()

    def answer_begun(self) -> None:
        self._chats.answer_begun()

    def answer_ended(self, status: MessageStatus) -> None:
        self._chats.answer_ended(status)

    def answer_refused(self) -> None:
        self._chats.answer_refused()

    def first_token(self, seconds: float) -> None:
        self._chats.first_token(seconds)

    def pictures_taken(self, count: int) -> None:
        self._chats.pictures_taken(count)

    def expose(self, levels: Levels) -> Exposition:
        self._levels.set(levels)
        return Exposition(CONTENT_TYPE_LATEST, b"".join(map(generate_latest, self._shown)))

    def forget(self, pid: int) -> None:
        """Count a process of this deployment that has died no longer among those that answer."""
        if self._shared is not None:
            together.forget(self._shared, pid)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, registry=self._registry)


def _counting(requests: Counter, durations: Histogram) -> Callable[[float], None]:
    def count(seconds: float) -> None:
        requests.inc()
        durations.observe(seconds)

    return count
