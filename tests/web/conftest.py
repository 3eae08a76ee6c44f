"""Disks that fail, for those tests that ask for one."""

from pathlib import Path

import pytest

from benchmarks.reliability.missing import Missing
from benchmarks.reliability.shim import compile_shim


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled call counter."""
    try:
        return compile_shim(tmp_path_factory.mktemp("shim"))
    except Missing as lack:
        pytest.skip(str(lack))
