"""`Metrics` in Prometheus' text format, in a registry of its own: two services in one process do not mix."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from app.domain.images import ImageStatus
from app.domain.metrics import Exposition, Levels

# From a picture out of memory to a generation that is waited for.
_SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60)


class PrometheusMetrics:
    def __init__(self, *, version: str) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        Info("holdfast_build", "What is running.", registry=self._registry).info({"version": version})
        self._requests = Counter(
            "holdfast_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "holdfast_request_seconds",
            "Seconds from a request's head to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._images = Counter("holdfast_images", "Captures that ended, by how.", ("status",), registry=self._registry)
        for status in (ImageStatus.STORED, ImageStatus.REJECTED, ImageStatus.LOST):
            self._images.labels(status.value)  # an alert on "lost" needs the 0 before the first one
        self._captures = Gauge("holdfast_captures_open", "Captures not settled yet.", registry=self._registry)
        self._free = Gauge("holdfast_volume_free_bytes", "Free bytes of the volume.", registry=self._registry)
        self._ready = Gauge("holdfast_ready", "1 while /readyz answers 200.", registry=self._registry)

    def request_answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        # 0: the client left before there was an answer.
        kind = f"{status // 100}xx" if status else "gone"
        self._requests.labels(method, route, kind).inc()
        self._seconds.labels(route).observe(seconds)

    def image_ended(self, status: ImageStatus) -> None:
        self._images.labels(status.value).inc()

    def expose(self, levels: Levels) -> Exposition:
        for gauge, level in ((self._captures, levels.captures_open), (self._free, levels.free_bytes)):
            gauge.set(float("nan") if level is None else level)
        self._ready.set(levels.is_ready)
        return Exposition(CONTENT_TYPE_LATEST, generate_latest(self._registry))
