"""What no setting may say, and that every problem is told at once, by name, without its text."""

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import ConfigError, Settings

CANARY = "canary-7f3a9c51d2e8"
DEFAULTS = {field.alias: field.default for field in Settings.model_fields.values() if field.alias}
NUMBERS = [name for name, text in DEFAULTS.items() if str(text).replace(".", "").isdigit()] + ["DROP_TO_UID"]


def settings(**environ: str) -> Settings:
    return Settings.from_env(environ, dotenv=None)


def problems(**environ: str) -> list[str]:
    try:
        settings(**environ)
    except ConfigError as exc:
        return str(exc).splitlines()
    return []


def blamed(**environ: str) -> set[str]:
    return {line.partition(":")[0] for line in problems(**environ)}


def test_every_problem_is_reported_at_once() -> None:
    assert blamed(
        PORT="x",
        HOST="0.0.0.0",  # noqa: S104 - refused, that is the point
        IMAGE_ACCESS="private",
        IMAGE_MAX_AGE_DAYS="-1",
        PUBLIC_BASE_URL="ftp://a.example",
        VOLUME_LOW_WATER="0.95",
        IMAGE_STORAGE_PATH="/images",
    ) == {
        "PORT",
        "HOST",
        "IMAGE_ACCESS",
        "IMAGE_MAX_AGE_DAYS",
        "PUBLIC_BASE_URL",
        "VOLUME_LOW_WATER",
        "IMAGE_STORAGE_PATH",
    }


def test_a_default_that_follows_from_a_problem_is_no_problem_of_its_own() -> None:
    assert problems(IMAGE_STORAGE_PATH="/") == [
        "IMAGE_STORAGE_PATH: must be a folder in a folder, such as /data/images: the database lies beside it."
    ]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("text", ["-1", "nan", "inf", "1e9", "1_000", "soon", "9" * 400, "٣"], ids=ascii)
def test_what_is_no_plain_number_is_refused(name: str, text: str) -> None:
    assert blamed(**{name: text}) == {name}


@hypothesis.settings(deadline=None)
@given(texts=st.dictionaries(st.sampled_from(NUMBERS), st.text() | st.from_regex(r"[0-9.]{0,20}")))
def test_any_texts_for_numbers_parse_or_are_blamed_each_by_name(texts: dict[str, str]) -> None:
    # The low mark is judged by the high one, so alone it says nothing.
    wrong = {name for name, text in texts.items() if name in blamed(**{name: text})} - {"VOLUME_LOW_WATER"}
    assert wrong <= blamed(**texts) <= wrong | {"VOLUME_LOW_WATER"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PORT", "65536"),
        ("PORT", "1.5"),
        ("CAPTURE_CONCURRENCY", "0"),
        ("SOURCE_TOTAL_SECONDS", "0"),
        ("CLEANUP_INTERVAL_HOURS", "0"),
        ("IMAGE_MAX_AGE_DAYS", "36501"),
        ("IMAGE_STORAGE_MAX_GB", "999999999999999"),
        ("VOLUME_HIGH_WATER", "1.01"),
        ("VOLUME_LOW_WATER", "0.9"),
        ("DROP_TO_UID", "0"),
        ("IMAGE_HOSTING_ENABLED", "maybe"),
        ("IMAGE_ACCESS", "private"),
        ("LOG_LEVEL", "loud"),
        ("HOST", "http://127.0.0.1"),
        ("HOST", "127.0.0.1:8080"),
        ("PUBLIC_BASE_URL", "a.example"),
        ("PUBLIC_BASE_URL", "https://a.example/images"),
        ("PUBLIC_BASE_URL", "https://a.example?x=1"),
        ("PUBLIC_BASE_URL", "https://user@a.example"),
        ("PUBLIC_BASE_URL", "https://[a.example"),
        ("PUBLIC_BASE_URL", "https://a.example:99999"),
        ("REPLICATE_BASE_URL", "//a.example"),
        ("API_KEYS", "one,,two"),
        ("API_KEYS", "one,one"),
        ("SIGNING_KEYS", "one key"),
        ("REPLICATE_API_TOKEN", "a\nb"),
        ("METRICS_TOKEN", "\udc80"),
        ("REPLICATE_WEBHOOK_SECRET", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("REPLICATE_WEBHOOK_SECRET", "whsec_"),
        ("REPLICATE_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8I"),
        ("REPLICATE_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"),
        ("REPLICATE_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8I-PZIo2LaLaSw"),
        ("REPLICATE_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS\u00e4"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "mysql://a.example/b"),
        ("SOURCE_HOST_ALLOWLIST", "https://a.example"),
        ("SOURCE_HOST_ALLOWLIST", "a.example,"),
        ("SOURCE_HOST_ALLOWLIST", "*"),
        ("RATE_LIMIT_READS", "often"),
        ("RATE_LIMIT_WRITES", "0/minute"),
        ("CLIENT_ADDRESS_HEADER", "X Real IP"),
    ],
    ids=ascii,
)
def test_what_cannot_be_meant_is_refused(name: str, text: str) -> None:
    assert blamed(**{name: text}) == {name}


@pytest.mark.parametrize(
    "name", ["API_KEYS", "SIGNING_KEYS", "METRICS_TOKEN", "REPLICATE_API_TOKEN", "REPLICATE_WEBHOOK_SECRET"]
)
def test_a_refused_secret_is_not_shown_anywhere(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(**{name: f"{CANARY}\x00{CANARY}"})
    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_without_keys_loopback_is_allowed(host: str) -> None:
    assert settings(HOST=host).host == host.strip("[]")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "holdfast.example"])  # noqa: S104
def test_without_keys_nothing_else_is(host: str) -> None:
    assert problems(HOST=host) == ["HOST: is open to other machines, which needs API_KEYS; without them use 127.0.0.1."]


@pytest.mark.parametrize("text", ["0", "160,", "160,160", "a", "-1", "1.5", "16385", ",".join(map(str, range(1, 22)))])
def test_what_is_no_list_of_widths_is_refused(text: str) -> None:
    assert "IMAGE_VARIANT_WIDTHS" in blamed(IMAGE_VARIANT_WIDTHS=text)


@pytest.mark.parametrize(("widths", "gallery"), [("160,640", "320"), ("160,320", "640")])
def test_the_gallery_shows_a_width_that_is_made(widths: str, gallery: str) -> None:
    assert blamed(IMAGE_VARIANT_WIDTHS=widths, IMAGE_GALLERY_WIDTH=gallery) == {"IMAGE_GALLERY_WIDTH"}
    assert settings(IMAGE_VARIANT_WIDTHS=f"{gallery}, 8", IMAGE_GALLERY_WIDTH=gallery).image_variant_widths == (
        8,
        int(gallery),
    )
