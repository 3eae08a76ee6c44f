"""What a process that serves does for those who wait."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.service import environment

ROOT = Path(__file__).parents[2]
SERVE = """
import atexit, gc, sys
from app.cli import main
atexit.register(lambda: print(gc.get_freeze_count()))
sys.exit(main(["serve"]))
"""


def test_the_collector_does_not_look_at_what_was_made_to_start(tmp_path: Path) -> None:
    known = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SERVE]
    with subprocess.Popen(command, env=known | environment(tmp_path), cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if "port" in json.loads(line))
        process.terminate()
        *_, said = process.stdout

    assert int(said) > 50_000
