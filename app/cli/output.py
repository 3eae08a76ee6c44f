"""What a command says: a few words for people, or one JSON object for machines."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any


def say(options: argparse.Namespace, document: Mapping[str, Any], lines: Sequence[str]) -> None:
    """Print *document* if machines are listening (`--json`), else *lines*."""
    sys.stdout.write((json.dumps(document) if options.json else "\n".join(lines)) + "\n")
