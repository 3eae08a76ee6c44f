"""What is said instead of an image when a condition failed or a range lies outside it: RFC 9457 documents."""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A refusal that only reading an image knows.  *code* is stable API; none of these goes better on a retry."""

    status: int
    code: str
    title: str
    detail: str

    def to_json(self) -> bytes:
        """Return the `application/problem+json` document."""
        document = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "retryable": False,
        }
        return json.dumps(document).encode()


PRECONDITION_FAILED = Refusal(
    status=412,
    code="precondition_failed",
    title="Precondition Failed",
    detail="The image is not the one the request is meant for.",
)
RANGE_NOT_SATISFIABLE = Refusal(
    status=416,
    code="range_not_satisfiable",
    title="Range Not Satisfiable",
    detail="The range asked for lies outside the image.",
)
