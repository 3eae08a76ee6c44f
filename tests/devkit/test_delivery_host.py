import base64
import gzip
from dataclasses import dataclass

import pytest
from aiohttp import ClientError, ClientSession

from devkit.checksums import md5_hex
from devkit.replicate import DeliveryFault, FakeClock, ReplicateStandIn


@dataclass
class Output:
    url: str
    content: bytes


@pytest.fixture
async def output(replicate: ReplicateStandIn, client: ClientSession) -> Output:
    """A delivered file."""
    async with client.post("predictions", json={"version": "a/b", "input": {}}) as answer:
        assert answer.status == 201
    replicate.advance(1)
    prediction = replicate.predictions[0]
    return Output(prediction.files[0], prediction.contents[0])


async def test_a_file_has_the_headers_of_the_real_host(stranger: ClientSession, output: Output) -> None:
    async with stranger.get(output.url) as answer:
        headers, body = answer.headers, await answer.read()

    md5 = md5_hex(output.content)
    assert body == output.content
    assert headers["ETag"] == f'"{md5}"'
    assert headers["Content-Length"] == str(len(body))
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Cache-Control"] == "public,max-age=3600"
    assert headers["Last-Modified"] == "Thu, 01 Jan 2026 12:00:00 GMT"
    assert headers["x-goog-hash"].endswith(", md5=" + base64.b64encode(bytes.fromhex(md5)).decode())
    assert headers["Content-Type"] == "image/png"


async def test_a_head_says_the_same_without_the_body(stranger: ClientSession, output: Output) -> None:
    async with stranger.head(output.url) as answer:
        assert answer.headers["Content-Length"] == str(len(output.content))
        assert await answer.read() == b""


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [("bytes=0-9", 0, 10), ("bytes=10-", 10, None), ("bytes=-5", -5, None), ("bytes=5-999999", 5, None)],
)
async def test_a_range_is_answered_with_that_part(
    stranger: ClientSession, output: Output, header: str, start: int, stop: int | None
) -> None:
    async with stranger.get(output.url, headers={"Range": header}) as answer:
        assert answer.status == 206
        assert await answer.read() == output.content[start:stop]
        assert answer.headers["Content-Range"].endswith(f"/{len(output.content)}")


@pytest.mark.parametrize("header", ["bytes=9-1", "bytes=-", "lines=1-2", "bytes=0-1,3-4"])
async def test_a_range_it_cannot_mean_is_ignored(stranger: ClientSession, output: Output, header: str) -> None:
    async with stranger.get(output.url, headers={"Range": header}) as answer:
        assert (answer.status, await answer.read()) == (200, output.content)


async def test_a_range_past_the_end_is_refused(stranger: ClientSession, output: Output) -> None:
    async with stranger.get(output.url, headers={"Range": "bytes=999999-"}) as answer:
        assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{len(output.content)}")


@pytest.mark.parametrize(
    ("validator", "status"),
    [
        ("same tag", 206),
        ('"other"', 200),
        ("Thu, 01 Jan 2026 12:00:00 GMT", 206),
        ("Thu, 01 Jan 2026 12:00:01 GMT", 200),
        ("nonsense", 200),
    ],
    ids=["the same tag", "another tag", "the same date", "another date", "nonsense"],
)
async def test_a_part_is_only_sent_of_the_version_asked_for(
    stranger: ClientSession, output: Output, validator: str, status: int
) -> None:
    if validator == "same tag":
        validator = f'"{md5_hex(output.content)}"'
    async with stranger.get(output.url, headers={"Range": "bytes=0-9", "If-Range": validator}) as answer:
        assert answer.status == status


async def test_a_known_tag_is_answered_without_the_body(stranger: ClientSession, output: Output) -> None:
    tag = f'"{md5_hex(output.content)}"'
    async with stranger.get(output.url, headers={"If-None-Match": tag}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")


async def test_a_fault_is_used_up(replicate: ReplicateStandIn, stranger: ClientSession, output: Output) -> None:
    replicate.delivery_faults.add(DeliveryFault(status=503, headers={"Retry-After": "1"}), times=2)
    statuses = []
    for _ in range(3):
        async with stranger.get(output.url) as answer:
            statuses.append(answer.status)

    assert statuses == [503, 503, 200]


async def test_a_fault_for_another_path_waits_for_it(
    replicate: ReplicateStandIn, stranger: ClientSession, output: Output
) -> None:
    replicate.delivery_faults.add(DeliveryFault(path="/out-9.png", status=503))
    async with stranger.get(output.url) as answer:
        assert answer.status == 200

    assert len(replicate.delivery_faults) == 1


async def test_a_cut_file_is_announced_whole(
    replicate: ReplicateStandIn, stranger: ClientSession, output: Output
) -> None:
    replicate.delivery_faults.add(DeliveryFault(cut_after=100))
    async with stranger.get(output.url) as answer:
        assert answer.headers["Content-Length"] == str(len(output.content))
        assert await answer.content.readexactly(100) == output.content[:100]
        with pytest.raises(ClientError):
            await answer.content.read()


async def test_a_dripping_file_arrives_whole(
    replicate: ReplicateStandIn, stranger: ClientSession, output: Output
) -> None:
    replicate.delivery_faults.add(DeliveryFault(drip=0.0001))
    async with stranger.get(output.url) as answer:
        assert await answer.read() == output.content


async def test_a_file_can_be_mislabelled_and_padded(
    replicate: ReplicateStandIn, stranger: ClientSession, output: Output
) -> None:
    replicate.delivery_faults.add(DeliveryFault(content_type="text/html", padding=5000, unannounced=True))
    async with stranger.get(output.url) as answer:
        assert answer.content_type == "text/html"
        assert "Content-Length" not in answer.headers
        assert await answer.read() == output.content + bytes(5000)


async def test_a_file_can_come_compressed(replicate: ReplicateStandIn, stranger: ClientSession, output: Output) -> None:
    replicate.delivery_faults.add(DeliveryFault(gzip=True))
    async with stranger.get(output.url) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(await answer.read()) == output.content


async def test_a_file_can_send_its_reader_elsewhere(
    replicate: ReplicateStandIn, stranger: ClientSession, output: Output
) -> None:
    replicate.delivery_faults.add(DeliveryFault(redirect_to="http://169.254.169.254/latest"))
    async with stranger.get(output.url, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, "http://169.254.169.254/latest")


async def test_the_journal_tells_the_hosts_apart(
    replicate: ReplicateStandIn, stranger: ClientSession, output: Output
) -> None:
    async with stranger.get(output.url):
        pass

    (entry,) = replicate.journal.select(host="delivery")
    assert "Authorization" not in entry.headers
    assert [each.path for each in replicate.journal.select(method="POST")] == ["/v1/predictions"]


async def test_outputs_can_be_named_after_another_host() -> None:
    async with (
        ReplicateStandIn(clock=FakeClock(), delivery_url="https://replicate.delivery") as replicate,
        ClientSession(headers={"Authorization": f"Bearer {replicate.token}"}) as session,
    ):
        body = {"version": "a/b", "input": {}}
        async with session.post(f"{replicate.base_url}/v1/predictions", json=body):
            pass

        assert replicate.predictions[0].files[0].startswith("https://replicate.delivery/pbxt/")
