"""The pages for people as they are sent: locked down, self-contained, fresh, open to anyone."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.problems import problem_of
from tests.support.service import Service
from tests.support.still import still

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = ("/docs", "/dashboard", "/docs/chat")
SCRIPTED = ("/dashboard", "/docs/chat")
ASSETS = sorted(each.name for each in files("app.web.pages").iterdir() if each.name.endswith((".css", ".js", ".svg")))
each_page = pytest.mark.parametrize("path", PAGES)
each_file = pytest.mark.parametrize("path", [*PAGES, *(f"/assets/{name}" for name in ASSETS)])


class Elements(HTMLParser):
    """Every element of a page, once each is found to be closed where it has to be."""

    VOID = frozenset({"meta", "link", "img", "input", "wbr", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[str] = []
        self.inline = ""
        self.feed(text)
        self.close()
        assert self.inside == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        assert len(attrs) == len(dict(attrs))
        self.inside += [] if tag in self.VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        assert self.inside.pop() == tag

    def handle_data(self, data: str) -> None:
        self.inline += data if self.inside and self.inside[-1] in {"script", "style"} else ""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with still(tmp_path_factory.mktemp("pages")) as running:
        yield running


async def policy(service: Service, path: str) -> dict[str, str]:
    """Return the directives of a response's policy."""
    header = (await service.http.get(path)).headers["Content-Security-Policy"]
    return dict(part.strip().partition(" ")[::2] for part in header.split(";"))


@each_page
async def test_a_page_may_use_what_is_ours_and_nothing_else(service: Service, path: str) -> None:
    directives = await policy(service, path)

    assert {name: directives[name] for name in ("default-src", "form-action", "frame-ancestors", "base-uri")} == {
        "default-src": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    assert directives["style-src"] == "'self'"
    assert not re.search(r"unsafe|https?:|\*", " ".join(directives.values()))


@pytest.mark.parametrize("path", SCRIPTED)
async def test_a_page_that_asks_the_service_runs_our_scripts_and_no_others(service: Service, path: str) -> None:
    directives = await policy(service, path)

    assert directives["script-src"] == directives["connect-src"] == "'self'"
    assert directives["img-src"] == "'self' data:"
    assert directives["require-trusted-types-for"] == "'script'"


async def test_the_description_runs_no_scripts(service: Service) -> None:
    assert not (await policy(service, "/docs")).keys() & {"script-src", "connect-src"}


@each_page
async def test_a_page_holds_no_script_no_style_and_no_handler_of_its_own(service: Service, path: str) -> None:
    page = Elements(await (await service.http.get(path)).text())
    attributes = {name for _, attributes in page.found for name in attributes}

    assert page.inline == ""
    assert "style" not in attributes
    assert not [name for name in attributes if name.startswith("on")]


@each_page
async def test_everything_a_page_loads_is_served_by_us(service: Service, path: str) -> None:
    page = Elements(await (await service.http.get(path)).text())
    loaded = {each["src"] for tag, each in page.found if tag in {"script", "img"}}
    loaded |= {each["href"] for tag, each in page.found if tag == "link"}

    assert loaded
    for name in loaded:
        assert (await service.http.get(f"/{name}")).status == 200, name


@pytest.mark.parametrize("name", ASSETS)
async def test_an_asset_fetches_nothing_from_elsewhere(service: Service, name: str) -> None:
    text = await (await service.http.get(f"/assets/{name}")).text()
    imports = re.findall(r'from "(.*?)"', text) if name.endswith(".js") else []

    assert not re.search(r"@import|url\((?!\")|innerHTML|eval\(|Function\(", text)
    assert {each.removeprefix("./") for each in imports} <= set(ASSETS)


@each_file
async def test_a_file_is_asked_for_anew_and_found_unchanged(service: Service, path: str) -> None:
    first = await service.http.get(path)
    again = await service.http.get(path, headers={"If-None-Match": f'"other", W/{first.headers["ETag"]}'})
    changed = await service.http.get(path, headers={"If-None-Match": '"other"'})

    assert first.headers["Cache-Control"] == "no-cache"
    assert (again.status, await again.read()) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Cache-Control"] == "no-cache"
    assert (changed.status, await changed.read()) == (200, await first.read())


@each_file
async def test_a_file_is_what_its_type_says(service: Service, path: str) -> None:
    headers = (await service.http.get(path)).headers
    kind = path.rpartition(".")[2]
    expected = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}

    assert headers["Content-Type"] == expected.get(kind, "text/html; charset=utf-8")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize(
    "name", ["nothing.js", "docs.html", "loading.py", "__init__.py", "..%2fkeys.py", "%2e%2e%2f%2e%2e%2fcli.py", ""]
)
async def test_nothing_but_the_assets_is_served(service: Service, name: str) -> None:
    await problem_of(await service.http.get(f"/assets/{name}"), status=404, code="not_found")


async def test_a_key_is_asked_for_only_where_there_are_keys(tmp_path: Path) -> None:
    async with still(tmp_path / "open") as free, still(tmp_path / "keyed", API_KEYS="a-key-of-some-length") as keyed:
        texts = [await (await each.http.get(path)).text() for path in SCRIPTED for each in (free, keyed)]

    assert ['data-keys="none"' in text for text in texts] == [True, False] * 2
    assert ['data-keys="needed"' in text for text in texts] == [False, True] * 2


@each_page
async def test_a_page_speaks_to_assistive_technology(service: Service, path: str) -> None:
    page = Elements(await (await service.http.get(path)).text())
    tags = [tag for tag, _ in page.found]
    ids = [attributes["id"] for _, attributes in page.found if "id" in attributes]

    assert ("html", {"lang": "en"}) in page.found
    assert (tags.count("main"), tags.count("title"), tags.count("h1")) == (1, 1, 1)
    assert all("alt" in attributes for tag, attributes in page.found if tag == "img")
    assert all(attributes.get("aria-label") for tag, attributes in page.found if tag == "nav")
    assert len(set(ids)) == len(ids)
