"""Images that come inside the URL."""

import base64
import hashlib
import random
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.download.data_uri import decode_into, find_payload
from app.adapters.download.downloader import HttpDownloader
from app.domain import data_urls
from app.domain.errors import SourceRejected
from tests.adapters.download.conftest import MakeDownloader
from tests.support.staging import FileStaging

BODY = random.Random(4).randbytes(1_000_000)


def a_data_uri(body: bytes = BODY, head: str = "data:image/png;base64,") -> str:
    return head + base64.b64encode(body).decode()


class Memory(FileStaging):
    """Keeps the bytes where a property test can look at them quickly."""

    def __init__(self) -> None:
        self.size = 0
        self.written = b""

    async def write(self, chunk: bytes) -> None:
        self.written += chunk
        self.size += len(chunk)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 196_607, 196_608, 196_609, 393_216, 1_000_000])
async def test_every_byte_is_decoded(make_downloader: MakeDownloader, staging: FileStaging, size: int) -> None:
    downloader = make_downloader()
    await downloader.fetch(downloader.admit(a_data_uri(BODY[:size])), staging)
    assert staging.content == BODY[:size]


@pytest.mark.parametrize(
    "head",
    [
        "data:image/png;base64,",
        "DATA:IMAGE/PNG;BASE64,",
        "data:;base64,",
        "data:application/octet-stream;base64,",
        "data:text/html;charset=utf-8;name=a.png;base64,",
    ],
)
def test_the_label_is_not_looked_at(make_downloader: MakeDownloader, head: str) -> None:
    source = make_downloader().admit(a_data_uri(head=head))
    assert (source.is_data, source.extension) == (True, None)


def test_the_fingerprint_is_that_of_the_whole_text(make_downloader: MakeDownloader) -> None:
    text = a_data_uri(BODY * 2)
    assert make_downloader().admit(text).fingerprint == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "text",
    [
        "data:",
        "data:,",
        "data:image/png",
        "data:image/png,%89PNG",
        "data:image/png;base64",
        "data:image/png;base64,",
        "data:image/png;base64 ,AAAA",
        "data:base64,AAAA",
        "data:image/png;base64;x,AAAA",
        "data:image/png,a;base64,AAAA",
        f"data:{'a' * 300};base64,AAAA",
        "data:image/png;base64,ÄÄÄÄ",
        "data:image/png;base64,\ud800",
    ],
)
def test_what_is_not_base64_is_refused_at_once(make_downloader: MakeDownloader, text: str) -> None:
    with pytest.raises(SourceRejected) as refusal:
        make_downloader().admit(text)
    assert refusal.value.reason == "not_an_image"


@pytest.mark.parametrize(
    "payload",
    [
        "AAA",
        "A",
        "AAAAA",
        "AA==AAAA",
        "AA=A",
        "=AAA",
        "A===",
        "AA==\n",
        "AA AA",
        "AA-_",
        "AA%3D%3D",
        "AAAA====",
        "AAAA#",
    ],
)
async def test_sloppy_base64_is_refused(make_downloader: MakeDownloader, staging: FileStaging, payload: str) -> None:
    downloader = make_downloader()
    source = downloader.admit(f"data:image/png;base64,{payload}")
    with pytest.raises(SourceRejected) as refusal:
        await downloader.fetch(source, staging)
    assert refusal.value.reason == "not_an_image"


async def test_padding_is_only_allowed_at_the_very_end(staging: FileStaging) -> None:
    first = base64.b64encode(bytes(196_607)).decode()
    assert first.endswith("=")
    with pytest.raises(SourceRejected):
        await decode_into(staging, f"{first}AAAA", start=0)


@pytest.mark.parametrize("size", [998, 999, 1000])
async def test_up_to_the_limit_is_taken(make_downloader: MakeDownloader, staging: FileStaging, size: int) -> None:
    downloader = make_downloader(max_bytes=1000)
    await downloader.fetch(downloader.admit(a_data_uri(BODY[:size])), staging)
    assert staging.size == size


@pytest.mark.parametrize("size", [1001, 1002, 1003, 100_000])
def test_more_than_the_limit_is_refused_undecoded(make_downloader: MakeDownloader, size: int) -> None:
    with pytest.raises(SourceRejected) as refusal:
        make_downloader(max_bytes=1000).admit(a_data_uri(BODY[:size]))
    assert refusal.value.reason == "too_large"


def test_admitting_thirty_megabytes_is_cheap(make_downloader: MakeDownloader) -> None:
    downloader = make_downloader(max_bytes=30_000_000)
    text = "data:image/png;base64," + "A" * 40_000_000
    begun = time.thread_time()
    downloader.admit(text)
    assert time.thread_time() - begun < 1


async def test_decoding_stays_off_the_event_loop(
    downloader: HttpDownloader, staging: FileStaging, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    real = data_urls._decoded

    def decode(encoded: str, *, is_last: bool) -> bytes:
        threads.append(threading.get_ident())
        return real(encoded, is_last=is_last)

    monkeypatch.setattr(data_urls, "_decoded", decode)
    await downloader.fetch(downloader.admit(a_data_uri()), staging)
    assert len(threads) == 6
    assert threading.get_ident() not in threads


@given(st.binary(min_size=1, max_size=2000))
async def test_what_was_encoded_is_what_is_decoded(body: bytes) -> None:
    memory, text = Memory(), a_data_uri(body)
    await decode_into(memory, text, start=find_payload(text, max_bytes=2000))
    assert memory.written == body


@given(st.text(alphabet="AQgw+/=-_ \n%", min_size=1, max_size=12))
async def test_what_is_accepted_is_strict_base64(payload: str) -> None:
    memory = Memory()
    try:
        await decode_into(memory, payload, start=0)
    except SourceRejected:
        return
    assert memory.written == base64.b64decode(payload, validate=True)
    assert len(payload) == len(base64.b64encode(memory.written))
