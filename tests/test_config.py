"""The settings: what they default to and where their values come from."""

import base64
from datetime import timedelta
from pathlib import Path

import pytest

from app.config import ConfigError, Settings
from app.config.fields import DELIVERY_HOSTS

CANARY = "canary-7f3a9c51d2e8"


def settings(**environ: str) -> Settings:
    return Settings.from_env(environ, dotenv=None)


def test_an_empty_environment_is_enough() -> None:
    default = settings()
    assert (default.host, default.port, default.public_base_url, default.warnings) == ("127.0.0.1", 8080, None, ())
    assert default.image_storage_path == Path("data/images").absolute()
    assert default.database_path == Path("data/holdfast.db").absolute()
    assert default.data_dir == Path("data").absolute()


def test_retention_defaults_to_what_was_agreed() -> None:
    default = settings()
    assert default.image_hosting_enabled
    assert default.image_max_age == timedelta(days=90)
    assert default.image_per_user_limit == 50
    assert default.image_min_age == timedelta(hours=24)
    assert default.image_storage_max is None
    assert (default.volume_high_water, default.volume_low_water) == (0.9, 0.8)
    assert default.cleanup_interval == timedelta(hours=24)
    assert default.cleanup_max_per_run == 10_000
    assert default.image_edge_max_age == timedelta(days=1)


def test_capture_defaults_to_what_was_agreed() -> None:
    default = settings()
    assert default.capture_read_wait == timedelta(seconds=2)
    assert default.capture_deadline == default.generation_deadline == timedelta(hours=1)
    assert (default.capture_concurrency, default.capture_queue_limit) == (8, 10_000)
    assert (default.source_max_bytes, default.source_min_rate) == (50 * 2**20, 8 * 2**10)
    assert default.source_connect_timeout == timedelta(seconds=10)
    assert default.source_read_timeout == timedelta(seconds=30)
    assert default.source_total_timeout == timedelta(minutes=5)
    assert not default.allow_private_sources


def test_bounds_default_to_what_was_agreed() -> None:
    default = settings()
    assert (default.decode_workers, default.decode_queue_limit, default.decode_memory) == (2, 256, 1280 * 2**20)
    assert default.decode_timeout == timedelta(seconds=20)
    assert (default.image_max_pixels, default.image_max_frames) == (50_000_000, 300)
    assert (default.request_max_bytes, default.metadata_max_bytes) == (48 * 2**20, 16_384)
    assert default.request_body_timeout == default.response_stall == timedelta(minutes=1)
    assert default.request_head_timeout == timedelta(seconds=10)
    assert (default.rate_limit_reads, default.rate_limit_writes) == ("12000/minute", "3000/minute")
    assert default.max_connections == 4096
    assert (default.max_connections_per_address, default.client_address_header) == (256, None)
    assert (default.shutdown_grace, default.log_level) == (timedelta(seconds=25), "info")


def test_zero_switches_off_what_can_be_switched_off() -> None:
    off = settings(
        IMAGE_MAX_AGE_DAYS="0",
        IMAGE_PER_USER_LIMIT="0",
        IMAGE_STORAGE_MAX_GB="0.0",
        MAX_CONNECTIONS_PER_ADDRESS="0",
        RATE_LIMIT_READS="",
        RATE_LIMIT_WRITES=" ",
    )
    assert off.image_max_age is off.image_per_user_limit is off.image_storage_max is None
    assert off.max_connections_per_address is off.rate_limit_reads is off.rate_limit_writes is None


def test_ages_may_be_fractions() -> None:
    assert settings(IMAGE_MAX_AGE_DAYS="0.5").image_max_age == timedelta(hours=12)


def test_a_tiny_age_is_not_taken_for_off() -> None:
    assert settings(IMAGE_MAX_AGE_DAYS="0.00000000000001").image_max_age == timedelta.resolution


def test_an_empty_value_is_unset() -> None:
    assert settings(PORT=" ", METRICS_TOKEN="").port == 8080


def test_unknown_variables_are_ignored() -> None:
    assert settings(S3_BUCKET="later", warnings="x", port="1") == settings()


# --- where values come from ---


def test_the_real_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=1001\nLOG_LEVEL=debug\n")
    both = Settings.from_env({"PORT": "1002"}, dotenv=tmp_path / ".env")
    assert (both.port, both.log_level) == (1002, "debug")


def test_no_environment_means_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1003")
    assert Settings.from_env(dotenv=None).port == 1003


def test_the_file_is_taken_literally_and_leaves_the_process_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("METRICS_TOKEN", raising=False)
    (tmp_path / ".env").write_text("METRICS_TOKEN=a${HOME}b\n")
    assert Settings.from_env({}, dotenv=tmp_path / ".env").metrics_token == "a${HOME}b"
    assert Settings.from_env(dotenv=None).metrics_token is None


def test_a_missing_file_is_fine(tmp_path: Path) -> None:
    assert Settings.from_env({}, dotenv=tmp_path / "none") == settings()


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"PORT=\xff\n")
    with pytest.raises(ConfigError, match="cannot be read"):
        Settings.from_env({}, dotenv=tmp_path / ".env")


def test_the_volume_and_the_domain_of_the_platform_are_found() -> None:
    hosted = settings(RAILWAY_VOLUME_MOUNT_PATH="/mnt/vol/", RAILWAY_PUBLIC_DOMAIN="x.up.railway.app")
    assert hosted.image_storage_path == Path("/mnt/vol/images")
    assert hosted.database_url == "sqlite+aiosqlite:////mnt/vol/holdfast.db"
    assert hosted.public_base_url == "https://x.up.railway.app"


def test_our_own_names_win_over_the_platform() -> None:
    ours = settings(
        IMAGE_STORAGE_PATH="/store/images",
        RAILWAY_VOLUME_MOUNT_PATH="/mnt",
        PUBLIC_BASE_URL="https://a.example/",
        RAILWAY_PUBLIC_DOMAIN="b.example",
    )
    assert (ours.image_storage_path, ours.public_base_url) == (Path("/store/images"), "https://a.example")


# --- secrets and keys ---


def test_settings_do_not_show_their_secrets() -> None:
    webhook = "whsec_" + base64.b64encode(f"{CANARY}-5".encode()).decode()
    told = settings(
        API_KEYS=f"{CANARY}-1",
        SIGNING_KEYS=f"{CANARY}-2",
        METRICS_TOKEN=f"{CANARY}-3",
        REPLICATE_API_TOKEN=f"{CANARY}-4",
        REPLICATE_WEBHOOK_SECRET=webhook,
        DATABASE_URL=f"postgresql://me:{CANARY}-6@db.example/holdfast",
    )
    assert CANARY not in f"{told!r} {told} {told.warnings}"
    assert webhook not in f"{told!r} {told} {told.warnings}"
    assert set(told.secrets) == {webhook, *(f"{CANARY}-{number}" for number in (1, 2, 3, 4, 6))}


def test_a_catalog_that_is_no_file_has_no_path() -> None:
    assert settings(DATABASE_URL="postgresql://db.example/holdfast").database_path is None


def test_the_plain_sqlite_scheme_gets_our_driver() -> None:
    assert settings(DATABASE_URL="sqlite:////data/a.db").database_url == "sqlite+aiosqlite:////data/a.db"


def test_several_keys_are_kept_in_order() -> None:
    assert settings(SIGNING_KEYS=" new-key , old-key ").signing_keys == ("new-key", "old-key")


def test_with_keys_every_interface_is_listened_on() -> None:
    assert settings(API_KEYS="test-key").host is None


# --- sources ---


def test_sources_default_to_the_delivery_hosts() -> None:
    assert settings().source_host_allowlist == DELIVERY_HOSTS


def test_a_replicate_elsewhere_delivers_too() -> None:
    elsewhere = settings(REPLICATE_BASE_URL="http://127.0.0.1:9000/v1/")
    assert elsewhere.replicate_base_url == "http://127.0.0.1:9000"
    assert elsewhere.source_host_allowlist == (*DELIVERY_HOSTS, "127.0.0.1")


def test_an_explicit_list_is_all_there_is() -> None:
    listed = settings(REPLICATE_BASE_URL="http://127.0.0.1:9000", SOURCE_HOST_ALLOWLIST="A.example, *.b.example:443")
    assert listed.source_host_allowlist == ("a.example", "*.b.example:443")


# --- what is worth a word ---


@pytest.mark.parametrize(
    ("environ", "word"),
    [
        ({"ALLOW_PRIVATE_SOURCES": "true"}, "ALLOW_PRIVATE_SOURCES is on"),
        ({"API_KEYS": "fifteen-letters"}, "API_KEYS has a key of fewer than 16"),
        ({"SIGNING_KEYS": "short"}, "SIGNING_KEYS has a key of fewer than 16"),
        ({"REPLICATE_BASE_URL": "http://replicate.example"}, "plain http"),
        ({"RAILWAY_ENVIRONMENT_NAME": "production", "CLIENT_ADDRESS_HEADER": "X-Real-IP"}, "There is no volume"),
        (
            {
                "RAILWAY_ENVIRONMENT_NAME": "production",
                "RAILWAY_VOLUME_NAME": "v",
                "RAILWAY_VOLUME_MOUNT_PATH": "/data",
                "CLIENT_ADDRESS_HEADER": "X-Real-IP",
                "IMAGE_STORAGE_PATH": "/srv/images",
            },
            "IMAGE_STORAGE_PATH is not on the volume",
        ),
        (
            {
                "RAILWAY_ENVIRONMENT_NAME": "production",
                "RAILWAY_VOLUME_NAME": "v",
                "RAILWAY_VOLUME_MOUNT_PATH": "/data",
            },
            "CLIENT_ADDRESS_HEADER is unset",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_doubtful_setting_is_allowed_with_a_warning(environ: dict[str, str], word: str) -> None:
    (warning,) = settings(**environ).warnings
    assert word in warning


def test_a_sound_deployment_has_no_warnings() -> None:
    sound = settings(
        API_KEYS="0123456789abcdef",
        CLIENT_ADDRESS_HEADER="X-Real-IP",
        RAILWAY_ENVIRONMENT_NAME="production",
        RAILWAY_VOLUME_NAME="images",
        RAILWAY_VOLUME_MOUNT_PATH="/data",
    )
    assert sound.warnings == ()
