"""Disks that fail, and a real browser, for those tests that ask for one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.reliability.missing import Missing
from benchmarks.reliability.shim import compile_shim
from tests.support.browser import Page, browsing


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled call counter."""
    try:
        return compile_shim(tmp_path_factory.mktemp("shim"))
    except Missing as lack:
        pytest.skip(str(lack))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Page]:
    """A tab of a browser that a whole module shares."""
    async with browsing(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Page) -> AsyncIterator[Page]:
    """The tab; a test that leaves a complaint in its console fails."""
    browser.complaints.clear()
    yield browser
    await browser.call("Emulation.clearDeviceMetricsOverride")
    assert browser.complaints == []
