"""Whatever is asked of a hot image, the fast lane says what the long way says."""

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devkit.clock import FakeClock
from tests.support.pictures import noise_png
from tests.support.raw import request
from tests.support.service import Service
from tests.support.still import host, still
from tests.web.hot.both_ways import OWN, URL, Watch, alone, comparable, heat, long_way

pytestmark = pytest.mark.asyncio(loop_scope="module")

SMALL, LARGE = noise_png(20_000), noise_png(300_000)
TAG, DATE = "<tag>", "<date>"
BEFORE, AFTER = "Tue, 04 Nov 2003 08:30:15 GMT", "Thu, 05 Nov 2099 08:30:15 GMT"
REQUESTS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "keep-alive": ("Connection: keep-alive",),
    "keep-alive in capitals": ("CONNECTION:   Keep-Alive \t",),
    "first bytes": ("Range: bytes=0-99",),
    "one byte": ("Range: bytes=5-5",),
    "to the end": ("Range: bytes=100-",),
    "all of it": ("Range: bytes=0-",),
    "beyond the end": ("Range: bytes=0-99999999",),
    "the last bytes": ("Range: bytes=-100",),
    "more last bytes than there are": ("Range: bytes=-99999999",),
    "no last bytes": ("Range: bytes=-0",),
    "nothing there": ("Range: bytes=99999999-",),
    "backwards": ("Range: bytes=9-5",),
    "two ranges": ("Range: bytes=0-9, 1000-1009",),
    "many ranges": ("Range: bytes=0-9,1000-1009,2000-2009,3000-3009,-5",),
    "too many ranges": ("Range: bytes=" + ",".join(f"{at}-{at}" for at in range(0, 4000, 400)),),
    "ranges that touch": ("Range: bytes=0-9,10-19",),
    "ranges out of order": ("Range: bytes=5000-5009,0-9",),
    "one of them not there": ("Range: bytes=0-9,99999999-",),
    "empty ranges": ("Range: bytes=,,",),
    "no range": ("Range: bytes=",),
    "an empty field": ("Range:",),
    "spaces in it": ("Range: bytes= 0-9",),
    "spaces around it": ("Range: \t bytes=0-9 \t ",),
    "another unit": ("Range: lines=0-9",),
    "the unit in capitals": ("Range: BYTES=0-9",),
    "the name in capitals": ("RANGE: bytes=0-9",),
    "no unit": ("Range: 0-9",),
    "no number": ("Range: bytes=a-b",),
    "a sign": ("Range: bytes=+0-9",),
    "a huge number": (f"Range: bytes=0-{'9' * 400}",),
    "a huge start": (f"Range: bytes={'9' * 400}-",),
    "zeros": (f"Range: bytes={'0' * 400}-9",),
    "two fields": ("Range: bytes=0-9", "Range: bytes=20-29"),
    "the tag": (f"If-None-Match: {TAG}",),
    "the tag, weak": (f"If-None-Match: W/{TAG}",),
    "any tag": ("If-None-Match: *",),
    "another tag": ('If-None-Match: "other"',),
    "a list of tags": (f'If-None-Match: "other", W/"x", {TAG}',),
    "two fields of tags": ('If-None-Match: "other"', f"if-none-match: {TAG}"),
    "nonsense for a tag": ("If-None-Match: other",),
    "no tag": ("If-None-Match:",),
    "must be the tag": (f"If-Match: {TAG}",),
    "must be the weak tag": (f"If-Match: W/{TAG}",),
    "must be another": ('If-Match: "other"',),
    "must be anything": ("If-Match: *",),
    "must be one of two fields": ('If-Match: "other"', f"If-Match: {TAG}"),
    "since its date": (f"If-Modified-Since: {DATE}",),
    "since before": (f"If-Modified-Since: {BEFORE}",),
    "since some day": (f"If-Modified-Since: {AFTER}",),
    "since nonsense": ("If-Modified-Since: yesterday",),
    "since twice": (f"If-Modified-Since: {DATE}", f"If-Modified-Since: {DATE}"),
    "unmodified since its date": (f"If-Unmodified-Since: {DATE}",),
    "unmodified since before": (f"If-Unmodified-Since: {BEFORE}",),
    "unmodified since some day": (f"If-Unmodified-Since: {AFTER}",),
    "range if the tag": ("Range: bytes=0-9", f"If-Range: {TAG}"),
    "range if the weak tag": ("Range: bytes=0-9", f"If-Range: W/{TAG}"),
    "range if another tag": ("Range: bytes=0-9", 'If-Range: "other"'),
    "range if the date": ("Range: bytes=0-9", f"If-Range: {DATE}"),
    "range if before": ("Range: bytes=0-9", f"If-Range: {BEFORE}"),
    "range if twice": ("Range: bytes=0-9", f"If-Range: {TAG}", f"If-Range: {TAG}"),
    "range if nothing": ("Range: bytes=0-9", "If-Range:"),
    "if-range alone": (f"If-Range: {TAG}",),
    "known, and a range": (f"If-None-Match: {TAG}", "Range: bytes=0-9"),
    "tag before date": ('If-None-Match: "other"', f"If-Modified-Since: {AFTER}"),
    "both kinds of tags": (f"If-Match: {TAG}", f"If-None-Match: {TAG}"),
    "all at once": (
        f"If-Match: {TAG}",
        f"If-Unmodified-Since: {BEFORE}",
        'If-None-Match: "other"',
        f"If-Modified-Since: {AFTER}",
        f"If-Range: {TAG}",
        "Range: bytes=7-9",
    ),
    "what does not matter": ("Accept: image/webp", "Cookie: a=b", "Origin: https://a.example", "Authorization: Basic"),
    "fields without names we know": ("X-A: 1", "x-a: 2", "TE: trailers", "Accept-Encoding: br, gzip", "DNT:"),
    "an id of the edge": ("X-Railway-Request-Id: abc_DEF-123",),
}
PATHS = {"bare": URL, "named": URL + ".png", "to be saved": URL + "?download=1", "large": URL.replace("pic", "large")}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    clock = FakeClock()  # which stands still: what is hot stays so
    async with still(tmp_path_factory.mktemp("both"), clock=clock, RATE_LIMIT_READS="") as running:
        await host(running, content=SMALL)
        await host(running, "large", content=LARGE)
        clock.advance(60)
        for path in PATHS.values():
            await heat(running, path)
        yield running


async def filled_in(service: Service, path: str, fields: Iterable[str]) -> list[str]:
    known = await alone(service, request("HEAD", path))
    values = {TAG: known.headers["ETag"], DATE: known.headers["Last-Modified"]}
    return [field.replace(TAG, values[TAG]).replace(DATE, values[DATE]) for field in fields]


async def differs_nowhere(service: Service, watch: Watch, data: bytes) -> None:
    watch.taken.clear()
    short = await alone(service, data)
    assert watch.taken == [short.status < 400, False]
    assert comparable(short) == comparable(await long_way(service, data))
    assert all(len(short.headers.getall(name)) == 1 for name in OWN)


@pytest.mark.parametrize("fields", REQUESTS.values(), ids=REQUESTS)
async def test_both_ways_say_the_same(service: Service, watch: Watch, fields: tuple[str, ...]) -> None:
    for path in (PATHS["bare"], PATHS["large"]):
        own = await filled_in(service, path, fields)
        for method in ("GET", "HEAD", "GET"):  # what was worked out for the first is known for the third
            await differs_nowhere(service, watch, request(method, path, *own))


async def test_an_id_of_the_edge_comes_back(service: Service, watch: Watch) -> None:
    reply = await alone(service, request("GET", URL, "X-Railway-Request-Id: abc_DEF-123"))
    assert (watch.taken[-2:], reply.headers["X-Request-Id"]) == ([True, False], "abc_DEF-123")


async def test_answers_are_numbered_apart(service: Service) -> None:
    replies = [await alone(service, request("GET", URL)) for _ in range(3)]
    assert len({reply.headers["X-Request-Id"] for reply in replies}) == 3


async def test_the_answer_says_its_own_time(service: Service) -> None:
    before = await alone(service, request("GET", URL))
    service.clock.advance(1)
    after = await alone(service, request("GET", URL))
    assert before.headers["Date"] < after.headers["Date"]


NAMES = ("Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "X-Else")
VALUES = st.one_of(
    st.sampled_from([TAG, f"W/{TAG}", DATE, BEFORE, AFTER, "*", '"x"', "bytes=0-9", "bytes=-1", "bytes=0-0,-1", ""]),
    st.from_regex(r"bytes=[0-9]{0,5}-[0-9]{0,5}(,[0-9]{0,5}-[0-9]{0,5}){0,3}", fullmatch=True),
    st.text(alphabet='bytes=0123456789-, *W/"\t', max_size=30),
    st.datetimes(datetime(1999, 1, 1), datetime(2040, 1, 1)).map(  # noqa: DTZ001 (hypothesis wants naive bounds)
        lambda moment: moment.replace(tzinfo=UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    ),
)
CASES = st.sampled_from([str, str.lower, str.upper])
FIELDS = st.builds(lambda name, case, value: f"{case(name)}: {value}", st.sampled_from(NAMES), CASES, VALUES)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["GET", "HEAD"]), st.sampled_from(list(PATHS.values())), st.lists(FIELDS, max_size=5))
async def test_no_combination_makes_a_difference(
    service: Service, watch: Watch, method: str, path: str, fields: list[str]
) -> None:
    await differs_nowhere(service, watch, request(method, path, *await filled_in(service, path, fields)))
