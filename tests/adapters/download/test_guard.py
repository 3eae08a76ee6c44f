"""Nothing forbidden is ever dialled, whatever name, number or redirect led there.

Every test here that could leave the machine runs with a connect call that goes nowhere.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence

import pytest
from aiohttp import ClientConnectorError

from app.adapters.download.guard import ForbiddenAddress, MayDial, Resolve, guarded_sockets
from app.adapters.download.limits import FetchLimits
from app.adapters.download.policy import SourcePolicy
from app.adapters.download.session import open_session, translated
from app.domain.errors import SourceNotAllowed, SourceUnavailable
from tests.adapters.download.conftest import MakeDownloader
from tests.adapters.download.hostile import FORBIDDEN_ADDRESSES, hostile_urls
from tests.support.origin import Answer, Origin
from tests.support.staging import FileStaging

URL = "https://replicate.delivery/a.png"
PUBLIC = SourcePolicy(allowed_hosts=["replicate.delivery"], allow_private=False)
LIMITS = FetchLimits(max_bytes=1000)

Answering = Callable[[Sequence[str]], Resolve]
Dialled = list[tuple[str, int]]


class RecordingPolicy(SourcePolicy):
    """Judges as ever, and remembers what it was asked."""

    def __init__(self, *, allowed_hosts: Sequence[str], allow_private: bool) -> None:
        super().__init__(allowed_hosts=allowed_hosts, allow_private=allow_private)
        self.judged: list[tuple[str, int]] = []

    def may_dial(self, address: str, port: int) -> bool:
        self.judged.append((address, port))
        return super().may_dial(address, port)


def dials(*allowed: str) -> MayDial:
    return lambda address, _port: address in allowed


async def test_a_name_that_leads_to_a_forbidden_address_is_not_dialled(
    make_downloader: MakeDownloader, dialled: Dialled, staging: FileStaging
) -> None:
    answers = iter(FORBIDDEN_ADDRESSES)

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return [next(answers)]

    downloader = make_downloader(policy=PUBLIC, resolve=resolve)
    for _ in FORBIDDEN_ADDRESSES:
        with pytest.raises(SourceNotAllowed):
            await downloader.fetch(downloader.admit(URL), staging)
    assert dialled == []


@pytest.mark.parametrize(
    "answers",
    [
        ["8.8.8.8", "127.0.0.1"],
        ["127.0.0.1", "8.8.8.8"],
        ["8.8.8.8", "::1"],
        ["2606:4700::1111", "10.0.0.1"],
        [*["8.8.8.8"] * 100, "127.0.0.1"],
    ],
    ids=["last", "first", "other family", "AAAA good", "after a hundred"],
)
async def test_one_forbidden_answer_spoils_the_name(
    make_downloader: MakeDownloader,
    answering: Answering,
    dialled: Dialled,
    staging: FileStaging,
    answers: list[str],
) -> None:
    downloader = make_downloader(policy=PUBLIC, resolve=answering(answers))
    with pytest.raises(SourceNotAllowed):
        await downloader.fetch(downloader.admit(URL), staging)
    assert dialled == []


async def test_a_public_answer_is_dialled_on_the_https_port(
    make_downloader: MakeDownloader, answering: Answering, dialled: Dialled, staging: FileStaging
) -> None:
    downloader = make_downloader(policy=PUBLIC, resolve=answering(["8.8.8.8", "2606:4700::1111"]))
    with pytest.raises(SourceUnavailable):
        await downloader.fetch(downloader.admit(URL), staging)
    assert set(dialled) == {("8.8.8.8", 443), ("2606:4700::1111", 443)}


async def test_no_more_than_eight_answers_are_dialled(
    make_downloader: MakeDownloader, answering: Answering, dialled: Dialled, staging: FileStaging
) -> None:
    downloader = make_downloader(policy=PUBLIC, resolve=answering([f"8.8.8.{n}" for n in range(100)]))
    with pytest.raises(SourceUnavailable):
        await downloader.fetch(downloader.admit(URL), staging)
    assert len(set(dialled)) == 8


async def test_a_name_is_asked_again_for_each_fetch(
    make_downloader: MakeDownloader, dialled: Dialled, staging: FileStaging
) -> None:
    answers = iter([["8.8.8.8"], ["169.254.169.254"]])

    async def rebinding(_host: str, _port: int) -> Sequence[str]:
        return next(answers)

    downloader = make_downloader(policy=PUBLIC, resolve=rebinding)
    with pytest.raises(SourceUnavailable):
        await downloader.fetch(downloader.admit(URL), staging)
    with pytest.raises(SourceNotAllowed):
        await downloader.fetch(downloader.admit(URL), staging)
    assert {address for address, _ in dialled} == {"8.8.8.8"}


@pytest.mark.parametrize("answers", [["10.0.0.1"], ["10.0.0.1", "10.0.0.2", "::1"]], ids=["one", "several"])
async def test_the_socket_is_guarded_even_if_the_resolver_is_fooled(
    answering: Answering, dialled: Dialled, monkeypatch: pytest.MonkeyPatch, answers: list[str]
) -> None:
    session = open_session(
        may_dial=PUBLIC.may_dial, resolve=answering(answers), tls=ssl.create_default_context(), limits=LIMITS
    )
    monkeypatch.setattr(session.connector._resolver, "_may_dial", lambda *_: True)
    async with session:
        with pytest.raises(SourceNotAllowed), translated():
            await session.get(URL)
    assert dialled == []


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:9/", "127.0.0.1"),
        ("http://[::1]:9/", "::1"),
        ("http://[::]:9/", "::"),
        ("http://[::ffff:7f00:1]:9/", "::ffff:7f00:1"),
        ("http://0.0.0.0:9/", "0.0.0.0"),  # noqa: S104  # refused, not bound
        ("http://①②⑦.⓪.⓪.①:9/", "127.0.0.1"),
        ("http://\uff11\uff12\uff17.\uff10.\uff10.\uff11:9/", "127.0.0.1"),
        ("http://127。0。0。1:9/", "127.0.0.1"),
        ("http://user@169.254.169.254:9/", "169.254.169.254"),
    ],
)
async def test_a_numeric_host_asks_no_resolver_but_meets_the_guard(dialled: Dialled, url: str, address: str) -> None:
    asked: list[str] = []
    policy = RecordingPolicy(allowed_hosts=[], allow_private=False)

    async def resolve(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return []

    tls = ssl.create_default_context()
    async with open_session(may_dial=policy.may_dial, resolve=resolve, tls=tls, limits=LIMITS) as session:
        with pytest.raises(ClientConnectorError) as refusal:
            await session.get(url)
    assert isinstance(refusal.value.os_error, ForbiddenAddress)
    assert (asked, set(policy.judged), dialled) == ([], {(address, 9)}, [])


@pytest.mark.parametrize("host", ["0x7f000001", "0x7f.1", "0x7f.0x0.0x0.0x1", "127.0.0x1"])
async def test_a_hexadecimal_host_is_caught_after_the_system_read_it_as_a_number(dialled: Dialled, host: str) -> None:
    async def system(name: str, port: int) -> Sequence[str]:
        infos = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
        return [str(info[4][0]) for info in infos]

    tls = ssl.create_default_context()
    async with open_session(may_dial=PUBLIC.may_dial, resolve=system, tls=tls, limits=LIMITS) as session:
        with pytest.raises(SourceNotAllowed), translated():
            await session.get(f"http://{host}/")
    assert dialled == []


async def test_the_guard_judges_every_hop_of_a_redirect(
    make_downloader: MakeDownloader, origin: Origin, staging: FileStaging
) -> None:
    policy = RecordingPolicy(allowed_hosts=[origin.host], allow_private=True)
    downloader = make_downloader(policy=policy)
    for here, there in [("/a", "/b"), ("/b", "/c"), ("/c", "/d")]:
        origin.redirect(here, there)
    origin.answer("/d", Answer(body=b"bytes"))
    await downloader.fetch(downloader.admit(origin.url("/a")), staging)
    assert policy.judged == [("127.0.0.1", origin.port)] * 4


async def test_a_redirect_to_an_allowed_name_with_a_forbidden_address_is_not_dialled(
    make_downloader: MakeDownloader, origin: Origin, staging: FileStaging
) -> None:
    async def resolve(host: str, _port: int) -> Sequence[str]:
        return {"good.test": ["127.0.0.1"], "bad.test": ["169.254.169.254"]}[host]

    origin.redirect("/a", f"http://bad.test:{origin.port}/latest/meta-data")
    downloader = make_downloader("good.test", "bad.test", resolve=resolve)
    with pytest.raises(SourceNotAllowed):
        await downloader.fetch(downloader.admit(f"http://good.test:{origin.port}/a"), staging)
    assert origin.targets == ["/a"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_a_forbidden_place_is_refused(
    make_downloader: MakeDownloader, origin: Origin, staging: FileStaging, status: int
) -> None:
    downloader = make_downloader(origin.host)
    places = [url for url in hostile_urls() if url.isascii() and url.isprintable() and "//" in url[:12]]
    for place in places[::700]:
        with pytest.raises(SourceNotAllowed):
            await downloader.fetch(downloader.admit(origin.redirect("/a", place, status)), staging)
    assert set(origin.targets) == {"/a"}
    assert staging.size == 0


async def test_a_host_that_redirects_only_the_second_time_is_refused_then(
    make_downloader: MakeDownloader, origin: Origin, staging: FileStaging
) -> None:
    away = Answer(status=302, headers={"Location": "http://169.254.169.254/latest"})
    url = origin.answer("/a", Answer(body=b"bytes"), away)
    downloader = make_downloader(origin.host)
    await downloader.fetch(downloader.admit(url), staging)
    with pytest.raises(SourceNotAllowed):
        await downloader.fetch(downloader.admit(url), staging)


async def test_a_source_admitted_under_another_list_is_judged_again(
    make_downloader: MakeDownloader, dialled: Dialled, staging: FileStaging
) -> None:
    source = make_downloader("10.0.0.1").admit("http://10.0.0.1/a.png")
    with pytest.raises(SourceNotAllowed):
        await make_downloader("replicate.delivery").fetch(source, staging)
    assert dialled == []


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_a_proxy_in_the_environment_is_not_used(
    make_downloader: MakeDownloader,
    origin: Origin,
    staging: FileStaging,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    downloader = make_downloader(origin.host)
    await downloader.fetch(downloader.admit(origin.answer("/a", Answer(body=b"bytes"))), staging)
    assert origin.targets == ["/a"]


@pytest.mark.parametrize(
    "failure", [socket.gaierror(-2, "Name or service not known"), TimeoutError(), OSError(5, "I/O error")]
)
async def test_a_name_that_does_not_resolve_is_unavailable(
    make_downloader: MakeDownloader, dialled: Dialled, staging: FileStaging, failure: OSError
) -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        raise failure

    downloader = make_downloader(policy=PUBLIC, resolve=resolve)
    with pytest.raises(SourceUnavailable):
        await downloader.fetch(downloader.admit(URL), staging)
    assert dialled == []


async def test_a_name_without_addresses_is_unavailable(
    make_downloader: MakeDownloader, answering: Answering, staging: FileStaging
) -> None:
    downloader = make_downloader(policy=PUBLIC, resolve=answering([]))
    with pytest.raises(SourceUnavailable):
        await downloader.fetch(downloader.admit(URL), staging)


async def test_a_silent_name_service_is_given_up(make_downloader: MakeDownloader, staging: FileStaging) -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    downloader = make_downloader(policy=PUBLIC, resolve=resolve, connect_timeout=0.05)
    with pytest.raises(SourceUnavailable):
        await downloader.fetch(downloader.admit(URL), staging)


async def test_the_systems_own_names_are_judged_too(
    make_downloader: MakeDownloader, origin: Origin, staging: FileStaging
) -> None:
    url = origin.answer("/a", Answer(body=b"bytes")).replace("127.0.0.1", "localhost")
    policy = RecordingPolicy(allowed_hosts=["localhost"], allow_private=True)
    downloader = make_downloader(policy=policy)
    await downloader.fetch(downloader.admit(url), staging)
    assert ("127.0.0.1", origin.port) in policy.judged
    assert staging.content == b"bytes"


def test_a_guarded_socket_is_opened_for_what_may_be_dialled() -> None:
    open_socket = guarded_sockets(dials("127.0.0.1"))
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 9))
    with open_socket(info) as opened:
        assert opened.family == socket.AF_INET
    with pytest.raises(ForbiddenAddress):
        open_socket((*info[:4], ("127.0.0.2", 9)))
