"""Who may act for whom."""

import pytest

from app.domain.access import Caller
from app.domain.errors import NotFound
from app.domain.ids import UserId

ANA, BOB = UserId("ana"), UserId("bob")


def test_a_service_key_may_act_for_everyone() -> None:
    Caller().require(ANA)
    Caller().require(BOB)

    assert Caller().is_service


def test_a_user_may_act_for_herself() -> None:
    Caller(ANA).require(UserId("ana"))

    assert not Caller(ANA).is_service


@pytest.mark.parametrize("other", ["bob", "Ana", "ana.", "ana2"])
def test_what_is_another_users_is_not_there(other: str) -> None:
    with pytest.raises(NotFound) as refused:
        Caller(ANA).require(UserId(other))

    assert other not in refused.value.detail


def test_callers_are_told_apart_by_name() -> None:
    assert len({Caller().name, Caller(ANA).name, Caller(UserId("service")).name}) == 3
