"""`python -m benchmarks.reliability`: run every instrument, then prove that each of them sees what it is for."""

import argparse
import os
import platform
import sys
import time
from dataclasses import replace

from benchmarks.reliability import instruments
from benchmarks.reliability.instruments import INSTRUMENTS, PROOFS, Scale
from benchmarks.reliability.plants import PLANTS
from benchmarks.reliability.report import HEADING


def main() -> bool:
    """Return whether every promise held and every planted mistake was seen."""
    options = _options()
    scale = (instruments.smoke if options.smoke else instruments.full)(options.seed)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"
    )
    print(f"seed {options.seed}\n")
    started = time.monotonic()
    holds = _run(scale, options.only, options.plant)
    if options.plant is None and not options.no_proof:
        holds = _prove(options.only, options.seed) and holds
    print(f"\n{time.monotonic() - started:.0f} s in all")
    return holds


def _run(scale: Scale, names: list[str], mistake: str | None) -> bool:
    print(HEADING)
    reports = []
    for name in names:
        report = instruments.run(name, replace(scale, mistake=mistake))
        print("\n".join([str(report), *report.details()]), flush=True)
        reports.append(report)
    return all(report.holds for report in reports)


def _prove(names: list[str], seed: int) -> bool:
    print("\n| mistake planted | instrument | |\n| --- | --- | --- |")
    all_seen = True
    for proof in PROOFS:
        if proof.instrument in names:
            report = instruments.prove(proof, seed=seed)
            verdict = f"skipped: {report.skipped}" if report.skipped else "seen" if not report.holds else "NOT SEEN"
            print(f"| {proof.mistake} | {proof.instrument} | {verdict} |", flush=True)
            all_seen = all_seen and (report.skipped is not None or not report.holds)
    return all_seen


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a sample of everything, in about two minutes")
    parser.add_argument("--seed", type=int, default=1, help="of every random choice")
    parser.add_argument("--only", nargs="+", choices=INSTRUMENTS, default=list(INSTRUMENTS), help="these instruments")
    parser.add_argument("--plant", choices=PLANTS, help="make this mistake first: the run should fail")
    parser.add_argument("--no-proof", action="store_true", help="leave the planted mistakes out")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(not main())
