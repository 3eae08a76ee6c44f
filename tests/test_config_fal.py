"""The settings of fal, and of the inputs it is given."""

import pytest

from app.config import ConfigError, Settings


def settings(**environ: str) -> Settings:
    return Settings.from_env(environ, dotenv=None)


def test_storage_lies_where_the_keys_lie_unless_it_is_said() -> None:
    moved = settings(FAL_JWKS_URL="https://keys.example/.well-known/jwks.json")
    assert settings().fal_rest_url == "https://rest.fal.ai"
    assert moved.fal_rest_url == "https://keys.example"
    assert settings(FAL_REST_URL="https://rest.example").fal_rest_url == "https://rest.example"


def test_the_host_of_another_queue_may_be_a_source() -> None:
    assert "queue.fal.run" not in settings().source_host_allowlist
    assert "fal.example" in settings(FAL_QUEUE_URL="https://fal.example").source_host_allowlist


def test_nothing_but_the_usual_hosts_is_allowed_for_inputs_unless_it_is_said() -> None:
    assert settings().asset_host_allowlist == ()
    assert settings(ASSET_HOST_ALLOWLIST="a.example, *.b.example").asset_host_allowlist == ("a.example", "*.b.example")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("FAL_KEY", "has a space"),
        ("FAL_QUEUE_URL", "queue.fal.run"),
        ("FAL_JWKS_URL", "file:///etc/passwd"),
        ("FAL_USE_UPLOAD", "maybe"),
        ("FAL_OUTPUT_HOURS", "-168"),
        ("ASSET_HOST_ALLOWLIST", "https://a.example"),
        ("S3_PUBLIC_BASE_URL", "https://user:word@a.example"),
    ],
    ids=lambda given: given if given.isupper() else "",
)
def test_a_wrong_one_stops_the_start(name: str, text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        settings(**{name: text})
    assert name in str(raised.value)
    assert text not in str(raised.value)


def test_the_key_is_a_secret() -> None:
    given = settings(FAL_KEY="an-id:a-secret")
    assert "an-id:a-secret" in given.secrets
    assert "a-secret" not in repr(given)


@pytest.mark.parametrize(
    ("environ", "word"),
    [
        ({"FAL_QUEUE_URL": "http://fal.example"}, "FAL_QUEUE_URL is plain http"),
        ({"FAL_REST_URL": "http://fal.example"}, "FAL_REST_URL is plain http"),
        ({"FAL_USE_UPLOAD": "true"}, "there is no FAL_KEY"),
    ],
    ids=["queue", "storage", "upload"],
)
def test_what_is_seldom_meant_is_said(environ: dict[str, str], word: str) -> None:
    assert any(word in warning for warning in settings(**environ).warnings)
    assert settings().warnings == ()
