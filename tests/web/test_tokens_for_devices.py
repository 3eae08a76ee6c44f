"""User tokens: made for one owner's device, and good for nothing else."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from app.adapters.tokens.jwt import JwtTokens, _hmac_key
from app.domain.errors import Unauthorized
from app.domain.ids import UserId
from devkit.clock import FakeClock
from tests.support.problems import problem_of
from tests.support.service import Service
from tests.support.still import still

KEY = "a-service-key-of-some-length"
AUTH = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with still(tmp_path, clock=FakeClock(), API_KEYS=KEY, SIGNING_KEYS="a-signing-key-of-ours") as running:
        yield running


async def issue(service: Service, **body: Any) -> dict[str, Any]:
    response = await service.post("/v1/tokens", {"user_id": "ana", **body}, headers=AUTH)
    assert response.status == 201
    assert response.headers["Cache-Control"] == "private, no-store"
    document: dict[str, Any] = await response.json()
    return document


async def status(service: Service, token: str, path: str = "/v1/users/ana/images") -> int:
    return (await service.http.get(path, headers={"Authorization": f"Bearer {token}"})).status


async def test_a_token_opens_its_owners_images_until_it_expires(service: Service) -> None:
    made = await issue(service, expires_in=600)
    assert made.keys() == {"token", "user_id", "expires_at"}
    assert (made["user_id"], made["expires_at"]) == ("ana", "2026-01-01T12:10:00Z")
    assert await status(service, made["token"]) == 200
    service.clock.advance(599)
    assert await status(service, made["token"]) == 200
    service.clock.advance(1)
    assert await status(service, made["token"]) == 401


async def test_a_token_lasts_an_hour_unless_asked(service: Service) -> None:
    assert (await issue(service))["expires_at"] == "2026-01-01T13:00:00Z"


async def test_a_token_opens_nobody_elses(service: Service) -> None:
    token = (await issue(service))["token"]
    assert await status(service, token, "/v1/users/bob/images") == 404
    assert await status(service, token, "/v1/users/anas/images") == 404


async def test_a_token_makes_no_tokens(service: Service) -> None:
    headers = {"Authorization": f"Bearer {(await issue(service))['token']}"}
    response = await service.post("/v1/tokens", {"user_id": "ana"}, headers=headers)
    await problem_of(response, status=404, code="not_found")


async def test_a_token_says_whose_it_is_in_either_header(service: Service) -> None:
    token = (await issue(service))["token"]
    assert (await service.http.get("/v1/users/ana/usage", headers={"X-API-Key": token})).status == 200


def forged(claims: dict[str, Any], **more: Any) -> str:
    right = {"iss": "holdfast", "sub": "ana", "exp": 4_000_000_000}
    return jwt.encode(right | claims, more.pop("key", "x" * 32), **{"algorithm": "HS256"} | more)


@pytest.mark.parametrize(
    "token",
    [
        *(forged({}), forged({}, algorithm="none", key=""), forged({}, headers={"kid": "../../dev/null"})),
        *(forged({}, key="a-signing-key-of-ours".ljust(32)), "a.b.c", "..", "e30.e30.", KEY + ".x"),
    ],
    ids=["another key", "no algorithm", "a key by path", "the bare key", "no json", "nothing", "empty", "a key"],
)
async def test_a_forged_token_is_401(service: Service, token: str) -> None:
    assert await status(service, token) == 401


@pytest.mark.parametrize(
    "claims",
    [
        *({"exp": "4000000000"}, {"exp": None}, {"exp": 4e9}, {"exp": True}, {"exp": -1}),
        *({"sub": 1}, {"sub": None}, {"sub": "a/b"}, {"sub": "../ana"}, {"iss": "another"}),
    ],
    ids=str,
)
def test_odd_claims_are_refused_even_under_our_own_key(claims: dict[str, Any]) -> None:
    clock = FakeClock()
    right: dict[str, Any] = {"iss": "holdfast", "sub": "ana", "exp": int(clock().timestamp()) + 60}
    tokens, key = JwtTokens(keys=[b"k"], clock=clock), _hmac_key(b"k")
    assert tokens.verify(jwt.encode(right, key, algorithm="HS256")) == UserId("ana")
    with pytest.raises(Unauthorized):
        tokens.verify(jwt.encode(right | claims, key, algorithm="HS256"))
