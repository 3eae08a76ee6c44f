"""Several processes write to one stream, and each line stays whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import logging, sys
from pathlib import Path
from app import logs
logs.configure("info", worker=int(sys.argv[1]))
logs.take_turns(Path(sys.argv[2]))
for _ in range(300):
    logging.getLogger("x").info("long", extra={f"field{number}": "x" * 1900 for number in range(20)})
"""


def test_lines_of_several_processes_never_mix_however_long_they_are(tmp_path: Path) -> None:
    reader, stream = os.pipe()
    # Each line is a good part of what the pipe holds, so its writers wait in the middle of lines.
    writers = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, number, str(tmp_path / "turns")], cwd=ROOT, stdout=stream)
        for number in ("1", "2")
    ]
    os.close(stream)
    with os.fdopen(reader) as lines:
        workers = [json.loads(line)["worker"] for line in lines]

    assert [writer.wait() for writer in writers] == [0, 0]
    assert sorted(workers) == [1] * 300 + [2] * 300
