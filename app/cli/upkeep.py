"""Verifying and backing up the store; both also while a server runs on it."""

import argparse
from dataclasses import asdict
from pathlib import Path

from app.cli.output import say
from app.cli.progress import progress_bar
from app.config import Settings
from app.domain.errors import InvalidInput
from app.domain.recovery import Slice
from app.wiring import wired


async def verify(settings: Settings, options: argparse.Namespace) -> bool:
    """Hold catalog, files and conversations against each other; False when something is wrong and was not put right."""
    read = _slice(options.read_data) if options.read_data else None
    async with wired(settings) as holdfast:
        with progress_bar("verifying") as progress:
            report = await holdfast.graph.recovery.verify(repair=options.repair, read=read, progress=progress)
        conversations = await holdfast.graph.conversation_check.run(repair=options.repair)
    findings = [{"finding": finding.value, "key": key} for finding, key in report.findings]
    findings += [{"finding": flaw.what, "key": flaw.where} for flaw in conversations.flaws]
    repaired, is_clean = report.repaired + conversations.repaired, report.is_clean and conversations.is_clean
    document = {
        "images": report.images,
        "read_bytes": report.read,
        "findings": findings,
        "repaired": repaired,
        "clean": is_clean,
    }
    lines = [f"{found['finding']}: {found['key']}" for found in findings]
    say(options, document, [*lines, f"{report.images} images, {len(findings)} problems, {repaired} repaired"])
    return is_clean


async def backup(settings: Settings, options: argparse.Namespace) -> bool:
    """Bring a folder up to date with the store; False when images' own bytes are missing or damaged."""
    folder = Path(options.folder)
    async with wired(settings) as holdfast:
        with progress_bar("copying") as progress:
            report = await holdfast.graph.backup.backup(holdfast.graph.backup_to(folder), progress=progress)
    found = asdict(report)
    bad = [f"{name}: {key}" for name in ("missing", "damaged") for key in found[name]]
    counts = (f"{len(value) if isinstance(value, list) else value} {name}" for name, value in found.items())
    say(options, found | {"folder": str(folder)}, [*bad, ", ".join(counts)])
    return report.is_whole


def _slice(text: str) -> Slice:
    """Return the part of the store `N/M` names; `1/1` is all of it."""
    number, slash, of = text.partition("/")
    if slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
        return Slice(int(number), int(of))
    raise InvalidInput("--read-data takes N/M, such as 1/30: the first of thirty parts.", field="read_data")
