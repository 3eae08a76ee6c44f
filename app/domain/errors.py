"""The refusals a caller may see.  Anything that is not one of these is a bug, and is shown as `internal`.

AppError                         internal
├── InvalidInput                 invalid_request      the request says something we cannot mean
│   └── UnknownField             unknown_field
├── Unauthorized                 unauthorized         no key, or a wrong one
├── NotFound                     not_found            not there, or somebody else's
├── ImageDeleted                 image_deleted        it was here; its tombstone says why it went
├── ImageUnavailable             image_unavailable    its capture ended without bytes
├── StillCapturing               still_capturing      the bytes are on their way
├── Conflict                     conflict
│   ├── ImageIdTaken             image_id_taken
│   └── IdempotencyKeyReused     idempotency_key_reused
├── TooLarge                     too_large
├── ContentTypeMismatch          content_type_mismatch  an upload is not what it says it is
├── HostingDisabled              hosting_disabled     nothing is kept here
├── RenderingFailed              rendering_failed     the original is there, but not in that format or at that width
├── SourceNotAllowed             source_not_allowed   the same words for every refused address
├── SourceRejected               source_rejected      bytes that are no acceptable image
├── SourceGone                   source_gone          the source will never answer again
├── SourceUnavailable            source_unavailable   the source did not answer this time
├── ProviderFailed               generation_failed
│   ├── ProviderUnreachable      generation_failed    certainly nothing was started
│   └── ProviderAnswerLost       generation_failed    something may have been started
├── ProviderCredit               provider_credit
├── ProviderThrottled            provider_throttled
├── ProviderNotConfigured        provider_not_configured
├── ModelNotFound                model_not_found      nobody here runs a model of that name
├── ModelUnavailable             model_unavailable    what runs models is not there, or busy; nothing was begun
├── ModelFailed                  model_failed         it gave up on its answer
│   └── ModelRefused             model_failed         it would give up each time
├── ModelStalled                 model_stalled        it went silent
├── VisionUnsupported            vision_unsupported   the model cannot see, and there was nothing else
├── PicturesDisabled             pictures_disabled    no pictures are taken in chats here
├── RateLimited                  rate_limited
├── Overloaded                   overloaded           a queue is full; nothing was begun
├── StorageFull                  storage_full
├── StorageUnavailable           storage_unavailable  read-only, unmounted or failing
└── ClockSuspect                 clock_suspect        the wall clock jumped; nothing is deleted by age
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class AppError(Exception):
    """Base of the errors a caller may see; `code` is stable API, the message is for the caller.

    *field* names the part of the request that is to blame.  *retry_after* is in seconds.  *details* are
    further members of the problem document.
    """

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str,
        *,
        field: str | None = None,
        retry_after: float | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.retry_after = retry_after
        self.details = dict(details or {})


class InvalidInput(AppError):
    code = "invalid_request"


class UnknownField(InvalidInput):
    code = "unknown_field"


class Unauthorized(AppError):
    code = "unauthorized"


class NotFound(AppError):
    code = "not_found"


class ImageDeleted(AppError):
    code = "image_deleted"


class ImageUnavailable(AppError):
    code = "image_unavailable"


class StillCapturing(AppError):
    code = "still_capturing"
    retryable = True


class Conflict(AppError):
    code = "conflict"


class ImageIdTaken(Conflict):
    code = "image_id_taken"


class IdempotencyKeyReused(Conflict):
    code = "idempotency_key_reused"


class TooLarge(AppError):
    code = "too_large"


class ContentTypeMismatch(AppError):
    code = "content_type_mismatch"


class HostingDisabled(AppError):
    code = "hosting_disabled"


class RenderingFailed(AppError):
    code = "rendering_failed"


class SourceNotAllowed(AppError):
    """Always said in the same words, so that a refusal tells nothing about what lies behind a name."""

    code = "source_not_allowed"

    def __init__(self, *, field: str | None = "url") -> None:
        super().__init__("That source is not allowed.", field=field)


class SourceRejected(AppError):
    """*reason* is a stable word such as `truncated`, `not_an_image` or `too_many_pixels`."""

    code = "source_rejected"

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail, details={"reason": reason})
        self.reason = reason


class SourceGone(AppError):
    code = "source_gone"


class SourceUnavailable(AppError):
    code = "source_unavailable"
    retryable = True


class ProviderFailed(AppError):
    code = "generation_failed"


class ProviderUnreachable(ProviderFailed):
    retryable = True


class ProviderAnswerLost(ProviderFailed):
    retryable = True


class ProviderCredit(AppError):
    code = "provider_credit"


class ProviderThrottled(AppError):
    code = "provider_throttled"
    retryable = True


class ProviderNotConfigured(AppError):
    code = "provider_not_configured"


class ModelNotFound(AppError):
    code = "model_not_found"


class ModelUnavailable(AppError):
    code = "model_unavailable"
    retryable = True


class ModelFailed(AppError):
    code = "model_failed"
    retryable = True


class ModelRefused(ModelFailed):
    retryable = False


class ModelStalled(AppError):
    code = "model_stalled"
    retryable = True


class VisionUnsupported(AppError):
    code = "vision_unsupported"


class PicturesDisabled(AppError):
    code = "pictures_disabled"


class RateLimited(AppError):
    code = "rate_limited"
    retryable = True


class Overloaded(AppError):
    code = "overloaded"
    retryable = True


class StorageFull(AppError):
    code = "storage_full"
    retryable = True


class StorageUnavailable(AppError):
    code = "storage_unavailable"
    retryable = True


class ClockSuspect(AppError):
    code = "clock_suspect"
    retryable = True
