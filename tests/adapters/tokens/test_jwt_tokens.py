"""User tokens: whose they are, until when, and which ones are nobody's."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.tokens.jwt import JwtTokens
from app.domain.errors import Unauthorized
from app.domain.ids import UserId
from devkit.clock import FakeClock

ANA = UserId("ana")
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OLD, NEW = b"an old key", b"a new key"
CLAIMS = {"iss": "holdfast", "sub": "ana", "iat": NOW, "exp": NOW + HOUR}


def tokens_of(*keys: bytes, clock: FakeClock | None = None) -> JwtTokens:
    return JwtTokens(keys=keys, clock=clock or FakeClock(NOW))


def signed(claims: dict[str, Any], *, algorithm: str = "HS256", **more: Any) -> str:
    """Return a token that only its claims or its header make a wrong one: the key is ours."""
    return jwt.encode(claims, tokens_of(NEW)._keys[0], algorithm=algorithm, **more)


def encoded(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def test_a_token_is_its_users_until_it_expires() -> None:
    clock = FakeClock(NOW)
    tokens = tokens_of(NEW, clock=clock)
    token, expires = tokens.issue(ANA, expires_in=HOUR)

    clock.advance(3599)
    assert tokens.verify(token) == ANA
    assert expires == NOW + HOUR

    clock.advance(1)
    with pytest.raises(Unauthorized, match="expired"):
        tokens.verify(token)


def test_an_expiry_is_told_in_whole_seconds_as_the_token_has_it() -> None:
    clock = FakeClock(NOW.replace(microsecond=999_999))

    token, expires = tokens_of(NEW, clock=clock).issue(ANA, expires_in=HOUR)

    assert expires == NOW + HOUR
    assert jwt.decode(token, options={"verify_signature": False})["exp"] == int(expires.timestamp())


def test_keys_rotate_without_anybody_being_locked_out() -> None:
    old, _ = tokens_of(OLD).issue(ANA, expires_in=HOUR)
    between = tokens_of(NEW, OLD)
    new, _ = between.issue(ANA, expires_in=HOUR)

    assert between.verify(old) == between.verify(new) == ANA
    assert tokens_of(NEW).verify(new) == ANA
    with pytest.raises(Unauthorized):
        tokens_of(NEW).verify(old)
    with pytest.raises(Unauthorized):
        tokens_of(OLD).verify(new)


def test_a_token_made_here_by_hand_is_good_so_that_the_wrong_ones_below_prove_something() -> None:
    assert tokens_of(NEW).verify(signed(CLAIMS)) == ANA


WRONG_CLAIMS = {
    "another issuer": {"iss": "elsewhere"},
    "no issuer": {"iss": None},
    "no user": {"sub": None},
    "no expiry": {"exp": None},
    "a user that is no text": {"sub": 7},
    "a user that is no id": {"sub": "../bob"},
    "an empty user": {"sub": ""},
    "an expiry that is no number": {"exp": "soon"},
    "a broken expiry": {"exp": 1e300},
    "an expiry that says yes": {"exp": True},
    "an expiry in the past": {"exp": 1},
    "a purpose of its own": {"aud": "elsewhere"},
}


@pytest.mark.parametrize("changed", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS)
def test_a_token_with_wrong_claims_is_refused(changed: dict[str, object]) -> None:
    payload = {**CLAIMS, "iat": int(NOW.timestamp()), "exp": int((NOW + HOUR).timestamp())} | changed
    claims = {name: value for name, value in payload.items() if value is not None}
    key = tokens_of(NEW)._keys[0]
    token = jwt.api_jws.encode(json.dumps(claims).encode(), key, algorithm="HS256")

    with pytest.raises(Unauthorized):
        tokens_of(NEW).verify(token)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_another_algorithm_is_refused_even_with_our_key(algorithm: str) -> None:
    with pytest.raises(Unauthorized):
        tokens_of(NEW).verify(signed(CLAIMS, algorithm=algorithm))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256"])
@pytest.mark.parametrize("signature", ["", "AAAA"])
def test_an_unsigned_token_is_refused(algorithm: str, signature: str) -> None:
    claims = {"iss": "holdfast", "sub": "ana", "exp": int((NOW + HOUR).timestamp())}
    token = f"{encoded({'alg': algorithm, 'typ': 'JWT'})}.{encoded(claims)}.{signature}"

    with pytest.raises(Unauthorized):
        tokens_of(NEW).verify(token)


def test_the_key_as_it_was_configured_signs_nothing() -> None:
    claims = {"iss": "holdfast", "sub": "ana", "exp": int((NOW + HOUR).timestamp())}
    key = b"x" * 32

    with pytest.raises(Unauthorized):
        tokens_of(key).verify(jwt.encode(claims, key, algorithm="HS256"))


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "a" * 10_000, "é", "\udcff", "\x00", "Bearer x", "null"], ids=ascii
)
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(Unauthorized):
        tokens_of(NEW, OLD).verify(token)


@given(st.data())
def test_a_token_with_any_letter_changed_is_refused_or_says_the_same(data: st.DataObject) -> None:
    tokens = tokens_of(NEW)
    token, _ = tokens.issue(ANA, expires_in=HOUR)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCxyz019-_.=").filter(lambda new: new != token[place]))
    changed = token[:place] + letter + token[place + 1 :]

    # The last letter of a signature holds bits that mean nothing.
    if place == len(token) - 1:
        return
    with pytest.raises(Unauthorized):
        tokens.verify(changed)


def test_a_token_does_not_say_which_check_it_failed() -> None:
    words = set()
    for token in ("a.b.c", signed(CLAIMS | {"iss": "elsewhere"}), tokens_of(OLD).issue(ANA, expires_in=HOUR)[0]):
        with pytest.raises(Unauthorized) as refused:
            tokens_of(NEW).verify(token)
        words.add(refused.value.detail)

    assert len(words) == 1
