"""Between rows and the domain's values."""

from typing import Any

from sqlalchemy import Row

from app.domain.captures import Capture
from app.domain.generations import Generation, JobStatus
from app.domain.ids import GenerationId, ImageId, UserId
from app.domain.images import Digest, Image, ImageFacts, ImageSource, ImageStatus, NewImage, Origin


def to_image(row: Row[Any]) -> Image:
    return Image(
        user=UserId(row.user_id),
        id=ImageId(row.id),
        url_extension=row.url_extension,
        status=ImageStatus(row.status),
        source=ImageSource(row.source),
        created_at=row.created_at,
        origin=Origin(
            provider=row.provider,
            job_id=row.job_id,
            output_index=row.output_index,
            generation=GenerationId(row.generation_id) if row.generation_id else None,
            source_url=row.source_url,
        ),
        metadata=row.metadata,
        facts=_facts(row),
        digest=Digest(size=row.size_bytes, sha256=row.sha256) if row.sha256 else None,
        hosted_at=row.hosted_at,
        accessed_at=row.accessed_at,
        ended_at=row.ended_at,
        reason=row.reason,
        detail=row.detail,
        is_promised=row.source_key is None and row.status == ImageStatus.CAPTURING,
    )


def _facts(row: Row[Any]) -> ImageFacts | None:
    if row.extension is None:
        return None
    return ImageFacts(
        content_type=row.content_type,
        extension=row.extension,
        width=row.width,
        height=row.height,
        frames=row.frames,
        thumbhash=row.thumbhash,
    )


def of_facts(facts: ImageFacts, digest: Digest) -> dict[str, Any]:
    return {
        "content_type": facts.content_type,
        "extension": facts.extension,
        "width": facts.width,
        "height": facts.height,
        "frames": facts.frames,
        "thumbhash": facts.thumbhash,
        "size_bytes": digest.size,
        "sha256": digest.sha256,
    }


def of_origin(new: NewImage) -> dict[str, Any]:
    """Return what ties an image to its source; set at registration, cleared by deletion."""
    return {
        "provider": new.origin.provider,
        "job_id": new.origin.job_id,
        "output_index": new.origin.output_index,
        "generation_id": str(new.origin.generation) if new.origin.generation else None,
        "source_url": new.origin.source_url,
        "source_key": new.source_key,
        "fingerprint": new.fingerprint,
    }


def to_capture(row: Row[Any]) -> Capture:
    return Capture(
        user=UserId(row.user_id),
        image=ImageId(row.image_id),
        source=ImageSource(row.source),
        fetch_from=row.fetch_from,
        deadline=row.deadline,
        created_at=row.created_at,
        produced_at=row.produced_at,
        attempts=row.attempts,
        token=row.token,
    )


def to_generation(row: Row[Any]) -> Generation:
    return Generation(
        id=GenerationId(row.id),
        user=UserId(row.user_id),
        provider=row.provider,
        status=JobStatus(row.status),
        created_at=row.created_at,
        completed_at=row.completed_at,
        first_image=ImageId(row.first_image),
        is_prepared=row.is_prepared,
        hosted=row.hosted,
        model=row.model,
        version=row.version,
        input_sha256=row.input_sha256,
        job_id=row.job_id,
        error=row.error,
        error_code=row.error_code,
        next_poll_at=row.next_poll_at,
        polls=row.polls,
        metadata=row.metadata,
    )


def of_generation(generation: Generation) -> dict[str, Any]:
    return {
        "id": str(generation.id),
        "user_id": str(generation.user),
        "provider": generation.provider,
        "status": generation.status.value,
        "created_at": generation.created_at,
        "completed_at": generation.completed_at,
        "first_image": str(generation.first_image),
        "is_prepared": generation.is_prepared,
        "hosted": generation.hosted,
        "model": generation.model,
        "version": generation.version,
        "input_sha256": generation.input_sha256,
        "job_id": generation.job_id,
        "error": generation.error,
        "error_code": generation.error_code,
        "next_poll_at": generation.next_poll_at,
        "polls": generation.polls,
        "metadata": dict(generation.metadata),
    }
