"""`make bench`: run everything, print the tables, fail when a promise is broken."""

import asyncio
import os
import platform
import sys
import tempfile
from pathlib import Path

from benchmarks import load, peers


async def main() -> bool:
    """Run all benchmarks; True when every promise holds."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        rows = await load.measure(Path(folder))
    print("| load | measured | wanted | |\n| --- | --- | --- | --- |")
    for row in rows:
        print(f"| {row.name} | {row.result} | {row.wanted} | {'holds' if row.holds else 'BROKEN'} |")
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        found = await peers.compare(Path(folder))
    print("\n| serving | Holdfast, requests/s | aiohttp static, requests/s | ratio |\n| --- | --- | --- | --- |")
    for one in found:
        print(f"| {one.name} | {one.ours:.0f} | {one.peer:.0f} | {one.ratio:.2f} |")
    return all(row.holds for row in rows)


if __name__ == "__main__":
    sys.exit(not asyncio.run(main()))
