"""What is known of a source before anything is fetched."""

import hashlib

import pytest

from app.adapters.download.downloader import HttpDownloader
from app.domain.errors import InvalidInput, SourceNotAllowed
from tests.adapters.download.conftest import MakeDownloader


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/out-0.png", "png"),
        ("/OUT.PNG", "png"),
        ("/a.jpeg?x=.gif#.webp", "jpeg"),
        ("/a.tar.webp", "webp"),
        ("/a%2Eavif", "avif"),
        ("/a.svg", None),
        ("/a.png/", "png"),
        ("/png", None),
        ("/.png", None),
        ("", None),
        ("/?a.png", None),
    ],
)
def test_only_an_extension_we_host_is_kept(make_downloader: MakeDownloader, path: str, expected: str | None) -> None:
    assert make_downloader("a.com").admit(f"https://a.com{path}").extension == expected


def test_the_text_stays_as_it_was_given(make_downloader: MakeDownloader) -> None:
    text = "HTTPS://A.com/%7e.png?s=%2F#part"
    source = make_downloader("a.com").admit(text)
    assert (source.text, source.is_data) == (text, False)
    assert source.fingerprint == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("text", ["https://b.com/a.png", "ftp://a.com/a.png", "blob:https://a.com/1"])
def test_a_forbidden_source_is_refused_without_a_connection(make_downloader: MakeDownloader, text: str) -> None:
    with pytest.raises(SourceNotAllowed):
        make_downloader("a.com").admit(text)


def test_what_is_no_url_is_the_callers_mistake(make_downloader: MakeDownloader) -> None:
    with pytest.raises(InvalidInput):
        make_downloader("a.com").admit("a.png")


async def test_a_downloader_that_never_fetched_can_be_closed(make_downloader: MakeDownloader) -> None:
    downloader: HttpDownloader = make_downloader("a.com")
    await downloader.aclose()
