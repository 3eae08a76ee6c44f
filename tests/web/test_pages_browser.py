"""The pages in a real browser: they work, and its console has nothing to complain about."""

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from app.domain.ids import UserId
from tests.support.browser import CHROMIUM, Page
from tests.support.pictures import png
from tests.support.service import Service, serving
from tests.support.still import host, promise, still

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
]

KEY = "a-service-key-of-some-length"
PHONE = {"width": 375, "height": 780, "deviceScaleFactor": 1, "mobile": True}
TILES = "document.querySelectorAll('.tile')"
NO_KEY = "401 (Unauthorized)"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with still(tmp_path_factory.mktemp("browsed")) as running:
        yield running


async def look(page: Page, service: Service, *, user: str = "ana", key: str = "", view: str = "gallery") -> None:
    """Open the dashboard, fresh, and ask for a user's images."""
    await page.open(f"{service.url}/docs")
    await page.run("sessionStorage.clear()")
    await page.open(f"{service.url}/dashboard#{view}")
    await page.until("document.getElementById('version').textContent")
    await page.run(
        f"(() => {{ const {{elements}} = who; elements.user.value = '{user}'; elements.key.value = '{key}';"
        " who.requestSubmit(); })()"
    )


async def test_an_imported_image_is_shown_described_and_deleted(page: Page, tmp_path: Path) -> None:
    picture = png(40, 30, seed=3)
    source = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    async with serving(tmp_path) as service:
        image = await (await service.import_url(source, metadata={"prompt": "<img src=x onerror=alert(1)>"})).json()
        await look(page, service)
        await page.until(f"{TILES}.length === 1 && document.querySelector('.tile img').naturalWidth === 40")
        await page.run(f"{TILES}[0].click()")
        told = await page.until("document.querySelector('#details[open] #facts')?.innerText")
        assert await page.run("document.getElementById('url').value") == image["url"]
        await page.run("document.getElementById('delete').click()")
        assert await page.run("document.activeElement.id") == "keep"
        assert service.files() == [f"{image['id']}.png"]
        await page.run("document.getElementById('confirm').click()")
        await page.until(f"{TILES}.length === 0 && !document.querySelector('#details[open]')")

        assert "40 \N{MULTIPLICATION SIGN} 30" in told
        assert image["sha256"] in told
        assert "<img src=x onerror=alert(1)>" in told
        assert service.files() == []


async def test_what_is_not_stored_wears_a_badge(page: Page, service: Service) -> None:
    await promise(service, "soon", user="badges")
    await host(service, "here", user="badges")
    await look(page, service, user="badges")
    await page.until(f"{TILES}.length === 2")

    texts = await page.run(f"[...{TILES}].map((tile) => tile.innerText)")
    assert [("capturing" in text, "on its way" in text) for text in texts] == [(False, False), (True, True)]


async def test_more_images_come_page_by_page_newest_first(page: Page, service: Service) -> None:
    for number in range(50):
        await promise(service, f"pic-{number}", user="many")
    await look(page, service, user="many")
    await page.until(f"{TILES}.length === 48")
    await page.run("document.getElementById('more').click()")
    await page.until(f"{TILES}.length === 50 && document.getElementById('more').hidden")

    labels = await page.run(f"[...{TILES}].map((tile) => tile.ariaLabel.split(',')[0])")
    assert labels == [f"pic-{number}" for number in reversed(range(50))]


async def test_the_keyboard_opens_and_closes_an_image(page: Page, service: Service) -> None:
    await host(service, user="keys")
    await look(page, service, user="keys")
    await page.until(f"{TILES}.length === 1")
    await page.run("document.getElementById('archive').focus()")
    await page.press("Tab")
    assert await page.run("document.activeElement.className") == "tile"
    await page.press("Enter")
    await page.until("document.querySelector('#details[open]')")
    await page.press("Escape")
    await page.until("!document.querySelector('#details[open]')")

    assert await page.run("document.activeElement.className") == "tile"


async def test_a_key_is_asked_for_kept_in_the_tab_and_forgotten(page: Page, tmp_path: Path) -> None:
    async with still(tmp_path, API_KEYS=KEY) as service:
        await host(service)
        await look(page, service)
        told = await page.until("!problem.hidden && problem.innerText")
        await look(page, service, key=KEY)
        # Shown, not only listed: a picture still on its way when the service ends would be a complaint.
        await page.until("document.querySelector('.tile img')?.naturalWidth")
        where = await page.run("[location.href, document.cookie, JSON.stringify(localStorage)].join()")
        kept = await page.run("sessionStorage.getItem('holdfast.key')")
        await page.run("forget.click()")
        left = await page.run("sessionStorage.getItem('holdfast.key')")

    assert "A key or a token is needed" in told
    assert "unauthorized" in told
    assert (KEY in where, kept, left) == (False, KEY, None)
    page.complaints[:] = [each for each in page.complaints if NO_KEY not in each]


async def test_another_users_token_finds_nothing_and_says_so(page: Page, tmp_path: Path) -> None:
    async with still(tmp_path, API_KEYS=KEY) as service:
        await host(service)
        token = service.graph.tokens.issue(UserId("bob"), expires_in=timedelta(hours=1))[0]
        await look(page, service, key=token)
        told = await page.until("!problem.hidden && problem.innerText")

    assert "There is nothing here." in told
    page.complaints[:] = [each for each in page.complaints if "404 (Not Found)" not in each]


@pytest.mark.parametrize("key", [KEY, ""], ids=["with keys", "without keys"])
async def test_pictures_are_shown_where_links_are_signed(page: Page, tmp_path: Path, key: str) -> None:
    async with still(tmp_path, API_KEYS=key, IMAGE_ACCESS="signed") as service:
        await host(service)
        await look(page, service, key=key)
        source = await page.until(
            "(() => { const img = document.querySelector('.tile img'); return img?.naturalWidth && img.src; })()"
        )

    assert "signature=" in source
    assert KEY not in source


async def test_the_operators_view_tells_how_the_service_is(page: Page, service: Service) -> None:
    await host(service, user="watched")
    await look(page, service, user="watched", view="service")
    told = await page.until("cards.innerText.includes('Usage of watched') && cards.innerText")

    assert "ready" in told
    assert "1 of 50" in told
    assert "reaches the maximum age" in told
    assert "Images lost\n0" in told
    assert "Free space" in told


async def test_all_originals_can_be_saved(page: Page, service: Service, tmp_path: Path) -> None:
    await host(service, user="_0001.ab@example.com")
    await page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path), eventsEnabled=True)
    await look(page, service, user="_0001.ab@example.com")
    await page.until(f"{TILES}.length === 1")
    await page.run("archive.click()")
    await page.downloaded()

    assert (tmp_path / "_0001.ab@example.com.zip").read_bytes().startswith(b"PK")


@pytest.mark.parametrize("path", ["/docs", "/dashboard#gallery", "/dashboard#service"])
async def test_nothing_is_wider_than_a_phone(page: Page, service: Service, path: str) -> None:
    await page.call("Emulation.setDeviceMetricsOverride", **PHONE)
    await host(service, path.strip("/").replace("#", "-"), user="phone")
    await look(page, service, user="phone")
    await page.until(f"{TILES}.length")
    await page.open(service.url + path)
    await page.until("document.querySelector('.card, .tile, .endpoint')")

    assert await page.run("document.documentElement.scrollWidth") == 375


async def test_a_script_that_gets_into_the_page_does_not_run(page: Page, service: Service) -> None:
    await page.open(f"{service.url}/dashboard")
    await page.run(
        "(() => { try { document.body.append(Object.assign(document.createElement('script'), {text: 'ran = 1'})); }"
        " catch {} try { document.body.innerHTML = '<img src=x onerror=\"ran = 1\">'; } catch {} })()"
    )

    assert await page.run("typeof ran") == "undefined"
    assert page.complaints
    page.complaints.clear()


async def test_a_placeholder_shows_the_colours_of_its_picture(page: Page, service: Service) -> None:
    # The pattern of tests/adapters/imaging/test_thumbhash.py: red grows to the right, green downwards.
    code = base64.b64encode(bytes.fromhex("9d080e1d9a6076777087887688687889e0a00ef878")).decode()
    await page.open(f"{service.url}/dashboard")
    found = await page.run(
        "import('/assets/thumbhash.js').then(({decode}) => { const {width, height, pixels} = decode("
        f"'{code}'); return [width, height, [...pixels]]; }})"
    )
    width, height, pixels = found
    errors = [
        abs(pixels[4 * (y * width + x) + channel] - 255 * place / last)
        for y in range(height)
        for x in range(width)
        for channel, place, last in ((0, x, width - 1), (1, y, height - 1))
    ]

    assert (width, height) == (32, 23)
    assert max(pixels[3::4]) == min(pixels[3::4]) == 255
    assert sum(errors) / len(errors) < 25


@pytest.mark.parametrize("code", ["", "AAAA", "no base64!"], ids=["nothing", "too short", "no base64"])
async def test_what_is_no_hash_is_no_placeholder(page: Page, service: Service, code: str) -> None:
    await page.open(f"{service.url}/dashboard")
    drawn = await page.run(f"import('/assets/thumbhash.js').then(({{placeholder}}) => placeholder('{code}'))")

    assert drawn is None
