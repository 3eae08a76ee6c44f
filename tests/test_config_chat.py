"""The settings of chats."""

from datetime import timedelta

import pytest

from app.config import ConfigError, Settings
from app.web.routes import ROUTES

CANARY = "canary-7f3a9c51d2e8"


def settings(**environ: str) -> Settings:
    return Settings.from_env(environ, dotenv=None)


def test_chats_default_to_what_was_agreed() -> None:
    default = settings()
    assert (default.ollama_host, default.ollama_model, default.ollama_api_key) == ("http://127.0.0.1:11434", None, None)
    assert (default.ollama_load, default.ollama_stall, default.ollama_answer) == (
        timedelta(minutes=10),
        timedelta(minutes=1),
        timedelta(minutes=15),
    )
    assert (default.chat_message_max_chars, default.chat_answer_max_chars) == (32_000, 65_536)
    assert (default.chat_history_messages, default.chat_history_max_chars, default.chat_history_images) == (
        20,
        24_000,
        2,
    )
    assert (default.chat_max_images, default.chat_ping) == (4, timedelta(seconds=10))
    assert default.vision_model_detection_enabled
    assert default.vision_fallback_model is None


def test_pictures_of_chats_default_to_what_was_agreed() -> None:
    default = settings()
    assert default.image_upload_enabled
    assert (default.image_max_size, default.image_retention) == (10 * 2**20, timedelta(days=30))
    assert set(default.image_allowed_types) == {"image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"}
    assert default.image_serve_endpoint == "/api/images"


def test_zero_means_no_age_and_no_memory_of_what_was_said() -> None:
    none = settings(
        IMAGE_RETENTION_DAYS="0", CHAT_HISTORY_MESSAGES="0", CHAT_HISTORY_MAX_CHARS="0", CHAT_HISTORY_IMAGES="0"
    )
    assert none.image_retention is None
    assert none.chat_history_messages == none.chat_history_max_chars == none.chat_history_images == 0


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("1.2.3.4", "http://1.2.3.4:11434"),
        ("1.2.3.4:56789", "http://1.2.3.4:56789"),
        (":56789", "http://127.0.0.1:56789"),
        ("ollama.internal", "http://ollama.internal:11434"),
        ("ollama.internal/", "http://ollama.internal:11434"),
        ("http://ollama.internal", "http://ollama.internal:80"),
        ("HTTPS://ollama.com", "https://ollama.com:443"),
        ("https://ollama.com:8443/behind/it/", "https://ollama.com:8443/behind/it"),
        ("ollama.internal:56789/path", "http://ollama.internal:56789/path"),
        ("::1", "http://[::1]:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("[::1]:56789", "http://[::1]:56789"),
        ("http://[::1]", "http://[::1]:80"),
        ("0.0.0.0", "http://0.0.0.0:11434"),  # noqa: S104 - where a server is asked, not where one listens
    ],
)
def test_a_host_is_spelled_as_ollama_spells_it(text: str, address: str) -> None:
    assert settings(OLLAMA_HOST=text).ollama_host == address


def test_types_are_read_without_regard_to_case_and_repetition() -> None:
    read = settings(IMAGE_ALLOWED_TYPES=" image/PNG, image/jpeg,image/png")
    assert read.image_allowed_types == ("image/png", "image/jpeg")


def test_a_path_may_end_with_a_slash() -> None:
    assert settings(IMAGE_SERVE_ENDPOINT="/chat/pictures/").image_serve_endpoint == "/chat/pictures"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OLLAMA_HOST", "ftp://a.example"),
        ("OLLAMA_HOST", "http://user:word@a.example"),
        ("OLLAMA_HOST", "a.example:99999"),
        ("OLLAMA_HOST", "a.example?x=1"),
        ("OLLAMA_HOST", "a host"),
        ("OLLAMA_HOST", "http://"),
        ("OLLAMA_API_KEY", "has a space"),
        ("OLLAMA_MODEL", "two words"),
        ("OLLAMA_MODEL", "x" * 256),
        ("VISION_FALLBACK_MODEL", ":latest"),
        ("VISION_MODEL_DETECTION_ENABLED", "maybe"),
        ("OLLAMA_CONCURRENCY", "0"),
        ("CHAT_MAX_IMAGES", "0"),
        ("CHAT_PING_SECONDS", "0"),
        ("IMAGE_MAX_SIZE_MB", "0"),
        ("IMAGE_ALLOWED_TYPES", "image/tiff"),
        ("IMAGE_ALLOWED_TYPES", "image/png,"),
        ("IMAGE_ALLOWED_TYPES", "png"),
        ("IMAGE_SERVE_ENDPOINT", "api/images"),
        ("IMAGE_SERVE_ENDPOINT", "/"),
        ("IMAGE_SERVE_ENDPOINT", "/a//b"),
        ("IMAGE_SERVE_ENDPOINT", "/a/../b"),
        ("IMAGE_SERVE_ENDPOINT", "/a/{b}"),
        ("IMAGE_SERVE_ENDPOINT", "/a?b"),
        ("IMAGE_SERVE_ENDPOINT", "/api"),
        ("IMAGE_SERVE_ENDPOINT", "/v1/pictures"),
    ],
    ids=ascii,
)
def test_what_cannot_be_meant_is_refused(name: str, text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        settings(**{name: text})
    assert {line.partition(":")[0] for line in str(raised.value).splitlines()} == {name}


def test_no_other_endpoint_may_be_hidden_by_pictures() -> None:
    fixed = {entry.path.partition("{")[0].rstrip("/") for entry in ROUTES if not entry.path.startswith("/api/images")}
    for path in fixed:
        with pytest.raises(ConfigError, match="where other endpoints are"):
            settings(IMAGE_SERVE_ENDPOINT=path)


def test_the_key_is_a_secret() -> None:
    given = settings(OLLAMA_API_KEY=CANARY)
    assert CANARY in given.secrets
    assert CANARY not in repr(given)


def test_a_key_that_can_be_read_on_the_way_is_worth_a_word() -> None:
    (warning,) = settings(OLLAMA_API_KEY=CANARY, OLLAMA_HOST="http://ollama.example").warnings
    assert "OLLAMA_HOST is plain http" in warning
    assert settings(OLLAMA_API_KEY=CANARY).warnings == ()
    assert settings(OLLAMA_HOST="http://ollama.example").warnings == ()
