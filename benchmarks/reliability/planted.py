"""`python -m benchmarks.reliability.planted MISTAKE`: the service itself, with a mistake in it."""

import sys

from app.cli import main
from benchmarks.reliability.plants import plant

if __name__ == "__main__":
    plant(sys.argv[1])
    sys.exit(main(["serve"]))
