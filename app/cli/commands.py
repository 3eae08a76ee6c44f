"""The operator's commands: each prints a few words for people, or one JSON object for machines."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from app.cli.output import say
from app.cli.progress import progress_bar
from app.config import Settings
from app.domain.errors import InvalidInput, NotFound
from app.domain.ids import UserId
from app.domain.images import ImageStatus
from app.domain.instants import rfc3339
from app.domain.retention import Plan
from app.services.importing import Imported
from app.services.retention import Skipped, SweepReport
from app.services.sources import Import
from app.wiring import wired
from app.wiring.lifecycle import Holdfast

_IMPORT_WAIT = timedelta(minutes=5)


async def cleanup(settings: Settings, options: argparse.Namespace) -> bool:
    """Sweep once, or say what a sweep would remove; False when something was not removed that should have been."""
    async with wired(settings) as holdfast:
        retention = holdfast.graph.retention
        if options.dry_run:
            plan = await retention.plan()
            say(options, _plan_document(plan), _plan_lines(plan))
            return plan.suspicion is None
        with progress_bar("removing") as progress:
            report = await retention.sweep(confirm_clock=options.confirm_clock, progress=progress)
    document = _sweep_document(report)
    removed = document["removed"]
    words = ", ".join(f"{total['images']} {reason}" for reason, total in removed.items())
    say(options, document, [report.detail or f"removed: {words}; failed: {report.failed}"])
    return report.skipped is not Skipped.CLOCK_SUSPECT and not report.failed


async def import_image(settings: Settings, options: argparse.Namespace) -> bool:
    """Host the image at a URL and print where; also while a server runs on the same volume."""
    async with wired(settings) as holdfast, _capturing(holdfast):
        wanted = Import(user=options.user, url=options.url)
        outcome = await holdfast.graph.imports.import_image(wanted, wait=_IMPORT_WAIT)
    if not isinstance(outcome, Imported):
        raise NotFound("Nothing is hosted here: IMAGE_HOSTING_ENABLED is false.")
    image = outcome.image
    path = f"/v1/images/hosted/{image.user}/{image.id}.{image.url_extension}"
    document = {"id": str(image.id), "status": image.status.value, "url": (settings.public_base_url or "") + path}
    say(options, document, [f"{document['status']}: {document['url']}"])
    return image.status is ImageStatus.STORED


async def token(settings: Settings, options: argparse.Namespace) -> bool:
    """Print a user token."""
    async with wired(settings) as holdfast:
        issued, expires = holdfast.graph.tokens.issue(options.user, expires_in=options.expires_in)
    say(options, {"token": issued, "user_id": str(options.user), "expires_at": rfc3339(expires)}, [issued])
    return True


async def webhook_url(settings: Settings, options: argparse.Namespace) -> bool:
    """Print the address that makes a provider tell us of the jobs an app starts itself for a user."""
    async with wired(settings) as holdfast:
        url = holdfast.graph.callbacks.for_user(options.provider, options.user)
    if url is None:
        raise InvalidInput("Providers cannot reach us: set PUBLIC_BASE_URL to an https URL.")
    say(options, {"url": url, "user_id": str(options.user)}, [url])
    return True


async def stats(settings: Settings, options: argparse.Namespace) -> bool:
    """Print what the store holds."""
    images, size, users = 0, 0, set[UserId]()
    async with wired(settings) as holdfast:
        adapters = holdfast.graph.adapters
        async for image in adapters.retention.stored(None):
            images, size = images + 1, size + image.size
            users.add(image.user)
        backlog = await adapters.captures.backlog()
        space = await adapters.blobs.space()
    document = {
        "images": images,
        "bytes": size,
        "users": len(users),
        "captures_open": backlog.open,
        "earliest_deadline": rfc3339(backlog.earliest_deadline) if backlog.earliest_deadline else None,
        "volume_free_bytes": space.free,
        "volume_total_bytes": space.total,
    }
    say(options, document, [f"{name.replace('_', ' ')}: {value}" for name, value in document.items()])
    return True


async def migrate(settings: Settings, options: argparse.Namespace) -> bool:
    """Bring the schema up to date; opening the store does just that."""
    async with wired(settings):
        say(options, {"status": "up_to_date"}, ["the catalog is up to date"])
    return True


@asynccontextmanager
async def _capturing(holdfast: Holdfast) -> AsyncIterator[None]:
    """Work on captures beside whoever else does: leases keep two from taking the same one."""
    await holdfast.graph.recovery.require_volume()
    runner = holdfast.graph.runner
    task = asyncio.create_task(runner.run(), name="captures")
    try:
        yield
    finally:
        await runner.stop(timedelta(seconds=5))
        await task


def _plan_document(plan: Plan) -> dict[str, Any]:
    return {
        "removals": [
            {
                "user_id": str(removal.image.user),
                "id": str(removal.image.id),
                "bytes": removal.image.size,
                "reason": removal.reason.value,
                "why": removal.why,
            }
            for removal in plan.removals
        ],
        "totals": {reason.value: {"images": t.images, "bytes": t.size} for reason, t in plan.totals.items()},
        "protected": {"images": plan.protected.images, "bytes": plan.protected.size},
        "capped": plan.capped,
        "shortfall_bytes": plan.shortfall,
        "clock": plan.suspicion,
    }


def _plan_lines(plan: Plan) -> list[str]:
    lines = [
        f"{gone.image.user}/{gone.image.id}  {gone.image.size:>10} bytes  {gone.reason.value}: {gone.why}"
        for gone in plan.removals
    ]
    if plan.suspicion:
        lines.append(f"a sweep would remove nothing now: {plan.suspicion}")
    size = sum(removal.image.size for removal in plan.removals)
    return [*lines, f"{len(plan.removals)} images, {size} bytes would go; {plan.protected.images} are too young to go"]


def _sweep_document(report: SweepReport) -> dict[str, Any]:
    return {
        "removed": {reason.value: {"images": t.images, "bytes": t.size} for reason, t in report.removed.items()},
        "failed": report.failed,
        "spared": report.spared,
        "unlinked": report.unlinked,
        "protected": {"images": report.protected.images, "bytes": report.protected.size},
        "shortfall_bytes": report.shortfall,
        "capped": report.capped,
        "skipped": report.skipped.value if report.skipped else None,
        "detail": report.detail,
        "seconds": round(report.seconds, 3),
    }
