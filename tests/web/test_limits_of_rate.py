"""How often one client may ask: by user, else by address, and only a named header says whose address it is."""

from pathlib import Path

import pytest

from app.domain.ids import UserId
from tests.support.problems import problem_of
from tests.support.service import Service
from tests.support.still import still

KEY = "a-service-key-of-some-length"
AUTH = {"Authorization": f"Bearer {KEY}"}
LIST = "/v1/users/ana/images"


async def statuses(service: Service, count: int, path: str = LIST, **headers: str) -> list[int]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return [(await service.http.get(path, headers=named)).status for _ in range(count)]


async def test_one_too_many_is_429_and_says_when_to_come_back(tmp_path: Path) -> None:
    async with still(tmp_path, RATE_LIMIT_READS="3/minute") as service:
        assert await statuses(service, 3) == [200] * 3
        response = await service.http.get(LIST)
        document = await problem_of(response, status=429, code="rate_limited")
    assert document["retryable"] is True
    assert 1 <= int(response.headers["Retry-After"]) <= 120


async def test_reads_and_writes_are_counted_apart(tmp_path: Path) -> None:
    async with still(tmp_path, RATE_LIMIT_READS="1/minute", RATE_LIMIT_WRITES="2/minute") as service:
        assert await statuses(service, 2) == [200, 429]
        made = [(await service.post("/v1/tokens", {"user_id": "ana"})).status for _ in range(3)]
    assert made == [201, 201, 429]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_probes_are_not_limited(tmp_path: Path, path: str) -> None:
    async with still(tmp_path, RATE_LIMIT_READS="1/minute") as service:
        assert await statuses(service, 5, path) == [200] * 5


async def test_a_limit_that_is_empty_is_off(tmp_path: Path) -> None:
    async with still(tmp_path, RATE_LIMIT_READS="") as service:
        assert await statuses(service, 20) == [200] * 20


async def test_each_user_has_a_limit_of_their_own(tmp_path: Path) -> None:
    async with still(tmp_path, RATE_LIMIT_READS="2/minute", API_KEYS=KEY) as service:
        tokens = service.graph.tokens
        for user in ("ana", "bob"):
            token, _ = tokens.issue(UserId(user), expires_in=service.graph.settings.image_min_age)
            headers = {"Authorization": f"Bearer {token}"}
            assert await statuses(service, 3, f"/v1/users/{user}/images", **headers) == [200, 200, 429]


async def test_a_header_nobody_named_is_not_believed(tmp_path: Path) -> None:
    async with still(tmp_path, RATE_LIMIT_READS="2/minute") as service:
        found = [*await statuses(service, 2, X_Real_IP="192.0.2.1"), *await statuses(service, 1, X_Real_IP="192.0.2.2")]
        forwarded = await statuses(service, 1, X_Forwarded_For="192.0.2.3", Forwarded="for=192.0.2.4")
    assert (found, forwarded) == ([200, 200, 429], [429])


async def test_a_named_header_tells_clients_apart(tmp_path: Path) -> None:
    async with still(tmp_path, RATE_LIMIT_READS="2/minute", CLIENT_ADDRESS_HEADER="X-Real-IP") as service:
        assert await statuses(service, 3, X_Real_IP="192.0.2.1") == [200, 200, 429]
        assert await statuses(service, 3, X_Real_IP="192.0.2.2") == [200, 200, 429]


async def test_of_several_addresses_the_proxys_own_word_counts(tmp_path: Path) -> None:
    async with still(tmp_path, RATE_LIMIT_READS="2/minute", CLIENT_ADDRESS_HEADER="X-Forwarded-For") as service:
        found = [(await statuses(service, 1, X_Forwarded_For=f"10.9.8.{n}, 192.0.2.1"))[0] for n in range(3)]
    assert found == [200, 200, 429]


@pytest.mark.parametrize("text", ["nonsense", "", "192.0.2.1:80", "\u00e4"])
async def test_a_header_that_says_nothing_useful_leaves_the_peer(tmp_path: Path, text: str) -> None:
    async with still(tmp_path, RATE_LIMIT_READS="2/minute", CLIENT_ADDRESS_HEADER="X-Real-IP") as service:
        assert await statuses(service, 3, X_Real_IP=text) == [200, 200, 429]


async def test_addresses_of_one_ipv6_customer_count_as_one(tmp_path: Path) -> None:
    async with still(tmp_path, RATE_LIMIT_READS="2/minute", CLIENT_ADDRESS_HEADER="X-Real-IP") as service:
        found = [(await statuses(service, 1, X_Real_IP=f"2001:db8:1:1::{n}"))[0] for n in range(3)]
        other = await statuses(service, 1, X_Real_IP="2001:db8:1:2::1")
    assert (found, other) == ([200, 200, 429], [200])
