"""Which URLs may be fetched: judged from the text alone."""

import contextlib
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from app.adapters.download.policy import MAX_URL_LENGTH, SourcePolicy
from app.domain.errors import InvalidInput, SourceNotAllowed
from tests.adapters.download.hostile import ALLOWED, hostile_urls, wrapped

PUBLIC = SourcePolicy(allowed_hosts=ALLOWED, allow_private=False)
DEVELOPMENT = SourcePolicy(
    allowed_hosts=["127.0.0.1:8080", "[::1]", "localhost", "*.test", "files"], allow_private=True
)


def is_admitted(policy: SourcePolicy, text: str) -> bool:
    try:
        policy.parse(text)
    except (InvalidInput, SourceNotAllowed):
        return False
    return True


@pytest.mark.parametrize(
    "text",
    [
        "https://replicate.delivery/pbxt/a/out-0.png",
        "https://pbxt.replicate.delivery/a/out-0.png",
        "https://a.b.replicate.delivery:443/out.webp?x=1#part",
        "HTTPS://Replicate.Delivery/A.PNG",
        "https://v3b.fal.media/files/b/lion/x.jpeg",
        "https://storage.googleapis.com/bucket/a%20b.png?X-Goog-Signature=0f%2F",
        "https://replicate.delivery",
        "https://replicate.delivery?a=@evil.com",
        "https://replicate.delivery/café.png",
    ],
)
def test_a_provider_host_is_admitted(text: str) -> None:
    assert is_admitted(PUBLIC, text)


def test_none_of_the_hostile_urls_is_admitted() -> None:
    urls = list(hostile_urls())
    assert len(urls) > 50_000
    assert [url for url in urls if is_admitted(PUBLIC, url)] == []


def test_development_admits_no_other_spelling_of_what_it_lists() -> None:
    lists_everything = SourcePolicy(allowed_hosts=["127.0.0.1", "[::1]", "localhost"], allow_private=True)
    allowed = {"127.0.0.1", "::1", "localhost"}
    admitted = [url for url in hostile_urls() if is_admitted(lists_everything, url)]
    hosts = {str(lists_everything.parse(url).host) for url in admitted}
    assert {host for host in hosts if not host.endswith(".localhost")} == allowed
    assert not any("@" in urlsplit(url).netloc or "%" in urlsplit(url).netloc for url in admitted)


def test_a_private_host_is_refused_whatever_the_list_says() -> None:
    policy = SourcePolicy(allowed_hosts=["127.0.0.1:8080", "[::1]", "localhost", "box.internal"], allow_private=False)
    hosts = ["127.0.0.1:8080", "127.0.0.1", "[::1]", "localhost", "box.internal", "localhost:8080"]
    assert not any(is_admitted(policy, f"{scheme}://{host}/") for scheme in ("http", "https") for host in hosts)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8080", True),
        ("127.0.0.1:8081", False),
        ("127.0.0.1", False),
        ("127.0.0.2:8080", False),
        ("[::1]", True),
        ("[::1]:9000", True),
        ("[::2]", False),
        ("localhost:5000", True),
        ("files:3000", True),
        ("a.test", True),
        ("test", False),
        ("x.127.0.0.1:8080", False),
    ],
)
def test_development_still_goes_by_the_list(host: str, *, expected: bool) -> None:
    assert is_admitted(DEVELOPMENT, f"http://{host}/a.png") is expected


def test_a_starred_entry_means_only_what_is_below() -> None:
    assert is_admitted(PUBLIC, "https://v3.fal.media/a")
    assert not is_admitted(PUBLIC, "https://fal.media/a")


@pytest.mark.parametrize(
    "entry", ["", "*", "*.", "https://a.com", "a.com/x", "a b.com", "*.1.2.3.4", "a:b", "a.com:", "0x7f.1"]
)
def test_an_entry_that_is_no_host_is_said_at_once(entry: str) -> None:
    with pytest.raises(ValueError, match="no host"):
        SourcePolicy(allowed_hosts=[entry], allow_private=False)


@pytest.mark.parametrize("entry", ["A.COM", " a.com ", "a.com:443", "*.com"])
def test_an_entry_may_be_spelled_loosely(entry: str) -> None:
    assert is_admitted(SourcePolicy(allowed_hosts=[entry], allow_private=False), "https://a.com/")


@pytest.mark.parametrize("entry", ["::1", "[::1]", "[0:0:0:0:0:0:0:1]", "[::1]:80"])
def test_an_ipv6_entry_may_stand_without_brackets(entry: str) -> None:
    assert is_admitted(SourcePolicy(allowed_hosts=[entry], allow_private=True), "http://[::1]/")


def test_an_empty_list_admits_nothing() -> None:
    nothing = SourcePolicy(allowed_hosts=[], allow_private=True)
    assert not is_admitted(nothing, "https://replicate.delivery/a.png")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.png",
        "/a.png",
        "//replicate.delivery/a",
        "https:",
        "https://",
        "https:///a",
        "https://[::1",
        "https://a:x/",
    ],
)
def test_what_is_no_absolute_url_is_invalid_input(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        PUBLIC.parse(text)
    assert refusal.value.field == "url"


def test_a_url_of_more_than_8192_characters_is_invalid_input() -> None:
    longest = "https://replicate.delivery/".ljust(MAX_URL_LENGTH, "a")
    assert is_admitted(PUBLIC, longest)
    with pytest.raises(InvalidInput):
        PUBLIC.parse(f"{longest}a")


def test_every_refusal_says_the_same_words() -> None:
    refused = ["file:///etc/passwd", "https://evil.com/", "https://127.0.0.1/", "https://u:p@replicate.delivery/"]
    said = set()
    for text in refused:
        with pytest.raises(SourceNotAllowed) as refusal:
            PUBLIC.parse(text)
        said.add((refusal.value.detail, refusal.value.field))
    assert len(said) == 1


@pytest.mark.parametrize("rest", ["/a%2Fb?x=%7e+%20&y", "/a/../b?s=%2f", "/a;b=c:d@e"])
def test_path_and_query_go_out_as_they_were_written(rest: str) -> None:
    assert str(PUBLIC.parse(f"https://replicate.delivery{rest}#part")) == f"https://replicate.delivery{rest}"


def test_what_no_url_may_contain_is_quoted() -> None:
    assert str(PUBLIC.parse("https://replicate.delivery/caf\u00e9.png")) == "https://replicate.delivery/caf%C3%A9.png"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://v3.fal.media/b?s=%2F", "https://v3.fal.media/b?s=%2F"),
        ("/b?s=%2F", "https://replicate.delivery/b?s=%2F"),
        ("b", "https://replicate.delivery/x/b"),
        ("?c", "https://replicate.delivery/x/a?c"),
        ("//v3.fal.media/b", "https://v3.fal.media/b"),
    ],
)
def test_a_redirect_is_joined_to_where_it_came_from(location: str, expected: str) -> None:
    here = PUBLIC.parse("https://replicate.delivery/x/a?q#f")
    assert str(PUBLIC.follow(here, location)) == expected


def test_no_hostile_location_is_followed() -> None:
    here = PUBLIC.parse("https://replicate.delivery/a")
    followed = []
    # A relative location stays on the allowed host, so only absolute ones can lead away.
    for location in (url for url in hostile_urls() if "//" in url):
        try:
            followed.append(PUBLIC.follow(here, location).host)
        except SourceNotAllowed:
            continue
    assert set(followed) <= {"replicate.delivery", "storage.googleapis.com"}


@pytest.mark.parametrize(
    "location", ["", " ", "http://replicate.delivery/a", "data:image/png;base64,AAAA", "\udcff", "https:a"]
)
def test_a_location_that_is_no_sound_place_is_refused(location: str) -> None:
    with pytest.raises(SourceNotAllowed):
        PUBLIC.follow(PUBLIC.parse("https://replicate.delivery/a"), location)


def test_development_never_falls_back_from_https_to_http() -> None:
    here = DEVELOPMENT.parse("https://localhost/a")
    with pytest.raises(SourceNotAllowed):
        DEVELOPMENT.follow(here, "http://localhost/a")


@pytest.mark.parametrize(
    ("address", "port", "expected"),
    [("8.8.8.8", 443, True), ("8.8.8.8", 80, False), ("127.0.0.1", 443, False), ("::1", 443, False)],
)
def test_only_the_https_port_of_public_addresses_is_dialled(address: str, port: int, *, expected: bool) -> None:
    assert PUBLIC.may_dial(address, port) is expected


@pytest.mark.parametrize(("address", "expected"), [("127.0.0.1", True), ("8.8.8.8", True), ("169.254.169.254", False)])
def test_development_dials_local_addresses_too(address: str, *, expected: bool) -> None:
    assert DEVELOPMENT.may_dial(address, 8080) is expected


_PIECES = st.sampled_from(
    [
        *("https", "http", ":", "//", "/", "\\", "@", "#", "?", "%", ".", "。", "[", "]", ":443", ":80", "%40", " "),
        *("replicate.delivery", "fal.media", "v3.fal.media", "evil.com", "127.0.0.1", "::1", "0x7f", "localhost"),
    ]
)
_TEXTS = st.one_of(
    st.text(),
    st.lists(st.one_of(_PIECES, st.text(max_size=3)), max_size=12).map("".join),
    st.lists(st.one_of(_PIECES, st.text(max_size=3)), max_size=8).map(lambda parts: "https://" + "".join(parts)),
    st.lists(_PIECES, max_size=6).map(lambda parts: "https://replicate.delivery" + "".join(parts)),
)


@given(_TEXTS)
@example("https://replicate.delivery/a?b#c")
@example(next(wrapped("replicate.delivery", "127.0.0.1")))
def test_whatever_is_admitted_is_on_the_list_for_every_parser(text: str) -> None:
    if not is_admitted(PUBLIC, text):
        return
    url, other = PUBLIC.parse(text), urlsplit(text)
    assert (url.scheme, url.port, url.user, url.password) == ("https", 443, None, None)
    assert url.raw_host is not None
    assert (
        url.raw_host.endswith((".fal.media", ".replicate.delivery", ".storage.googleapis.com"))
        or url.raw_host in ALLOWED
    )
    assert (other.hostname, other.port or 443, other.username) == (url.raw_host, 443, None)
    assert URL(str(url)).raw_host == url.raw_host
    assert str(PUBLIC.parse(str(url))) == str(url)


@given(_TEXTS)
def test_no_text_raises_anything_but_a_refusal(text: str) -> None:
    for policy in (PUBLIC, DEVELOPMENT):
        with contextlib.suppress(InvalidInput, SourceNotAllowed):
            policy.parse(text)
