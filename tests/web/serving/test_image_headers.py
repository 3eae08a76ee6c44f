"""Who may keep an answer, and what a browser may do with an image."""

from datetime import timedelta

import pytest

from app.web.serving.headers import (
    PROTECTION,
    SHARING,
    Cache,
    cache_control,
    content_disposition,
    preflight,
)

# fmt: off
CACHE_CONTROL = {
    Cache.PUBLIC:    "public, max-age=31536000, immutable, s-maxage=86400, stale-if-error=604800",
    Cache.SIGNED:    "private, max-age=86400",
    Cache.PRIVATE:   "private, no-store",
    Cache.OWNED:     "private, no-cache",
    Cache.TEMPORARY: "no-store",
    Cache.GONE:      "max-age=300",
    Cache.MISSING:   "no-store",
    Cache.CAPTURING: "no-store",
    Cache.ERROR:     "no-store",
}
# fmt: on


@pytest.mark.parametrize("cache", Cache, ids=lambda cache: cache.name.lower())
def test_every_kind_of_answer_says_who_may_keep_it(cache: Cache) -> None:
    assert cache_control(cache, timedelta(days=1)) == CACHE_CONTROL[cache]


def test_a_shared_cache_keeps_a_public_image_as_long_as_it_is_told_to() -> None:
    assert "s-maxage=60," in cache_control(Cache.PUBLIC, timedelta(minutes=1))
    assert "max-age=31536000," in cache_control(Cache.PUBLIC, timedelta(minutes=1))


@pytest.mark.parametrize(
    ("rest", "seconds"),
    [
        pytest.param(timedelta(seconds=90, milliseconds=999), 90, id="whole seconds only"),
        pytest.param(timedelta(seconds=-5), 0, id="never negative"),
        pytest.param(timedelta(days=4000), 31_536_000, id="at most a year"),
    ],
)
def test_a_signed_image_is_kept_no_longer_than_its_link_lives(rest: timedelta, seconds: int) -> None:
    assert cache_control(Cache.SIGNED, rest) == f"private, max-age={seconds}"


def test_only_images_at_public_urls_and_their_tombstones_may_be_shared() -> None:
    kept = {cache for cache in Cache if not {"private", "no-store"} & set(cache_control(cache).split(", "))}

    assert kept == {Cache.PUBLIC, Cache.GONE}


def test_an_image_is_shown_under_its_name_or_saved_on_request() -> None:
    assert content_disposition("img_1.png", download=False) == 'inline; filename="img_1.png"'
    assert content_disposition("img_1.png", download=True) == 'attachment; filename="img_1.png"'


def test_the_bytes_can_be_nothing_but_a_picture() -> None:
    headers = dict(PROTECTION)

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; sandbox"
    )
    assert headers["Referrer-Policy"] == "no-referrer"


def test_any_page_may_use_an_image_and_read_what_helps_it() -> None:
    headers = dict(SHARING)

    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in headers
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert headers["Timing-Allow-Origin"] == "*"
    assert set(headers["Access-Control-Expose-Headers"].split(", ")) == {
        "ETag",
        "Content-Length",
        "Content-Range",
        "Accept-Ranges",
        "Repr-Digest",
        "Last-Modified",
        "Retry-After",
        "Content-Disposition",
    }


def test_a_preflight_allows_ranges_and_conditions_for_a_day() -> None:
    headers = dict(preflight())

    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    assert headers["Allow"] == "DELETE, GET, HEAD, OPTIONS"  # who deletes has a key, and is no page elsewhere
    assert {"Range", "If-Range", "If-None-Match"} <= set(headers["Access-Control-Allow-Headers"].split(", "))
    assert headers["Access-Control-Max-Age"] == "86400"
    assert headers["Cache-Control"] == "no-store"
