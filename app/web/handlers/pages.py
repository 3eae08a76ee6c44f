"""Pages for people.  They are open to anyone; the data behind them is not."""

from aiohttp import hdrs, web

from app.domain.errors import NotFound
from app.web.keys import PAGES
from app.web.pages.files import PageFile
from app.web.serving.tags import matches

_COMMON = (
    "default-src 'none'; style-src 'self'; img-src 'self'{images}; form-action 'none'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
_DOCS_POLICY = _COMMON.format(images="")
# Pictures come from ourselves; data: is for the placeholders that are drawn in the page.
_SCRIPTED_POLICY = (
    _COMMON.format(images=" data:")
    + "; script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
)


async def docs(request: web.Request) -> web.StreamResponse:
    """This description, for people."""
    return _send(request, request.app[PAGES].docs, _DOCS_POLICY)


async def dashboard(request: web.Request) -> web.StreamResponse:
    """A gallery and an operator's view; what they show needs a key or a token."""
    return _send(request, request.app[PAGES].dashboard, _SCRIPTED_POLICY)


async def chat(request: web.Request) -> web.StreamResponse:
    """A conversation about a picture, to try it out; what is said needs a key or a token."""
    return _send(request, request.app[PAGES].chat, _SCRIPTED_POLICY)


async def asset(request: web.Request) -> web.StreamResponse:
    """A style sheet, a script or an icon of these pages."""
    found = request.app[PAGES].assets.get(request.match_info["file"])
    if found is None:
        raise NotFound("There is no such file.")
    return _send(request, found, "default-src 'none'")


def _send(request: web.Request, file: PageFile, policy: str) -> web.Response:
    headers = {
        # Asked for again each time: a page and its scripts always come from the same version.
        hdrs.CACHE_CONTROL: "no-cache",
        hdrs.ETAG: file.etag,
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    if matches(", ".join(request.headers.getall(hdrs.IF_NONE_MATCH, [])), file.etag, strong=False):
        return web.Response(status=304, headers=headers)
    return web.Response(headers=headers | {hdrs.CONTENT_TYPE: file.content_type}, body=file.body)
