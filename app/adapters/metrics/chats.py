"""The numbers of chats."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from app.domain.conversations import MessageStatus

# From a small model in memory to a large one that is read from a disk first.
_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class ChatNumbers:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._ended = Counter(
            "holdfast_answers", "Answers of models, by how they ended.", ("status",), registry=registry
        )
        self._refused = Counter(
            "holdfast_answers_refused", "Questions refused because too many wait.", registry=registry
        )
        self._pictures = Counter("holdfast_chat_pictures", "Pictures sent to chats and kept.", registry=registry)
        self._first = Histogram(
            "holdfast_first_token_seconds",
            "Seconds from a question to the first piece of text of its answer.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._under_way = Gauge(
            "holdfast_answers_under_way",
            "Answers being said, or waiting for their turn.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        # An alert on an increase needs the 0 before the first one.
        for status in MessageStatus:
            if status is not MessageStatus.STREAMING:
                self._ended.labels(status.value)

    def answer_begun(self) -> None:
        self._under_way.inc()

    def answer_ended(self, status: MessageStatus) -> None:
        self._under_way.dec()
        self._ended.labels(status.value).inc()

    def answer_refused(self) -> None:
        self._refused.inc()

    def first_token(self, seconds: float) -> None:
        self._first.observe(max(0.0, seconds))

    def pictures_taken(self, count: int) -> None:
        self._pictures.inc(count)
