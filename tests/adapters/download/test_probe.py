"""The probe says the same of every name that leads nowhere, so that nobody learns which names are known inside."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import pytest

from app.adapters.download.limits import FetchLimits, Timing
from app.adapters.download.policy import SourcePolicy
from app.adapters.download.probe import HttpProbe
from app.domain.errors import SourceNotAllowed

URL = "https://db.inside.example/a.png"


async def inside(host: str, port: int) -> Sequence[str]:
    return ["10.0.0.7"]


async def partly_inside(host: str, port: int) -> Sequence[str]:
    return ["93.184.216.34", "169.254.169.254"]


async def unknown(host: str, port: int) -> Sequence[str]:
    raise OSError("Name or service not known")


async def silent(host: str, port: int) -> Sequence[str]:
    raise TimeoutError


async def empty(host: str, port: int) -> Sequence[str]:
    return []


@pytest.mark.parametrize("resolve", [inside, partly_inside, unknown, silent, empty], ids=lambda found: found.__name__)
async def test_nobody_learns_which_names_are_known_inside(
    resolve: Callable[[str, int], Awaitable[Sequence[str]]],
) -> None:
    probe = HttpProbe(
        policy=SourcePolicy(allowed_hosts=["inside.example"], allow_private=False),
        limits=FetchLimits(max_bytes=1000),
        timing=Timing(clock=lambda: datetime.now(UTC), monotonic=lambda: 0.0, jitter=lambda: 0.0),
        resolve=resolve,
    )
    try:
        with pytest.raises(SourceNotAllowed) as caught:
            await probe.require_picture(URL)
    finally:
        await probe.aclose()
    assert str(caught.value) == str(SourceNotAllowed())
