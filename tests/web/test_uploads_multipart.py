"""What a form may be: RFC 7578 without what nobody needs, taken as it comes, refused early."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support import pictures
from tests.support.problems import problem_of
from tests.support.service import Service, serving
from tests.support.uploading import ANA, BOUNDARY, UPLOAD, a_file, assert_nothing_is_left, form, part, send

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILE = a_file()
NESTED = "Content-Type: multipart/mixed; boundary=inner"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with serving(tmp_path_factory.mktemp("multipart")) as running:
        yield running


MALFORMED = {
    "nothing": b"",
    "no boundary": b"hello",
    "only the end": form(),
    "no end": (ANA + FILE),
    "half an end": form(ANA, FILE)[:-5],
    "a boundary that goes on": form(ANA, FILE).replace(b"a-boundary\r\n", b"a-boundary-and-more\r\n", 1),
    "no name": form(ANA, FILE.replace(b'; name="file"', b"")),
    "no form-data": form(ANA, FILE.replace(b"form-data", b"attachment")),
    "no head": form(ANA, f"--{BOUNDARY}\r\n\r\n".encode() + pictures.png() + b"\r\n"),
    "no colon": form(ANA, a_file(None, "Nonsense")),
    "a field twice": form(ANA, a_file(None, "Content-Type: image/png", "content-type: image/png")),
    "a long head": form(ANA, a_file(None, "X-Long: " + "x" * 9000)),
    "too many parts": form(*[part(f"f{number}", b"x") for number in range(10_000)], FILE),
    "too many ignored parts": form(ANA, *[part("_charset_", b"x")] * 17, FILE),
}
KNOWN = {"only the end": (422, "invalid_request"), "too many parts": (422, "unknown_field")}
KNOWN["too many ignored parts"] = (422, "invalid_request")


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_no_form_is_refused(service: Service, name: str) -> None:
    status, code = KNOWN.get(name, (400, "malformed_body"))

    await problem_of(await send(service, MALFORMED[name]), status=status, code=code)
    await assert_nothing_is_left(service)


@pytest.mark.parametrize(
    "fields",
    [
        (NESTED,),
        ("Content-Type: message/rfc822",),
        ("Content-Encoding: gzip",),
        ("Content-Transfer-Encoding: base64",),
        ("Content-Transfer-Encoding: quoted-printable",),
    ],
    ids=["nested", "a message", "gzip", "base64", "quoted-printable"],
)
async def test_parts_that_have_to_be_unpacked_are_refused(service: Service, fields: tuple[str, ...]) -> None:
    answer = await send(service, form(ANA, a_file(pictures.png(), *fields)))

    await problem_of(answer, status=415, code="unsupported_media_type")
    await assert_nothing_is_left(service)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (form(ANA), "invalid_request", "file"),
        (form(ANA, FILE, FILE), "invalid_request", "file"),
        (form(ANA, ANA, FILE), "invalid_request", "user_id"),
        (form(ANA, FILE, part("fiel", b"x")), "unknown_field", "fiel"),
        (form(ANA, part("", b"x"), FILE), "unknown_field", None),
        (form(ANA, part("x" * 500, b"x"), FILE), "unknown_field", "x" * 100),
    ],
    ids=["no file", "two files", "two owners", "misspelt", "no name", "a long name"],
)
async def test_a_form_with_other_fields_is_refused_by_field(
    service: Service, body: bytes, code: str, field: str | None
) -> None:
    problem = await problem_of(await send(service, body), status=422, code=code)

    assert problem.get("field") == field
    await assert_nothing_is_left(service)


async def test_a_field_is_small(service: Service) -> None:
    problem = await problem_of(
        await send(service, form(part("user_id", b"a" * 2000), FILE)), status=413, code="too_large"
    )

    assert problem["field"] == "user_id"
    await assert_nothing_is_left(service)


@pytest.mark.parametrize(
    "boundary",
    ["", "x" * 71, "a\tb", '"a b "', "caf\u00e9"],
    ids=["empty", "long", "tab", "space at the end", "no ascii"],
)
async def test_a_bad_boundary_is_refused(service: Service, boundary: str) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}

    answer = await service.http.post(UPLOAD, data=form(ANA, FILE), headers=headers)

    assert answer.status == 400
    await assert_nothing_is_left(service)


GOOD = {
    "a type": form(ANA, a_file(None, "Content-Type: image/png")),
    "a length": form(ANA, a_file(None, "Content-Length: 3")),
    "a name that leads elsewhere": form(ANA, FILE.replace(b'"file"', b'"file"; filename="../../../etc/passwd"')),
    "a name with a quote": form(ANA, FILE.replace(b'"file"', b'"file"; filename="a"b;c.png"')),
    "names without quotes": form(ANA, FILE.replace(b'"file"', b"file")),
    "a name after a file name": form(ANA, FILE.replace(b'name="file"', b'filename="x.png"; name="file"')),
    "a charset": form(part("_charset_", b"utf-8"), ANA, FILE),
    "binary": form(ANA, a_file(None, "Content-Transfer-Encoding: binary")),
    "small letters": form(ANA, FILE.replace(b"Content-Disposition", b"content-disposition")),
    "a preamble": b"This is a form.\r\n" + form(ANA, FILE),
    "an epilogue": form(ANA, FILE) + b"That was a form.\r\n--a-boundary\r\n",
    "no line after the end": form(ANA, FILE)[:-2],
    "space after a boundary": form(ANA, FILE).replace(b"a-boundary\r\n", b"a-boundary \t\r\n", 1),
}


@pytest.mark.parametrize("name", GOOD)
async def test_a_form_may_be_written_in_many_ways(service: Service, name: str) -> None:
    answer = await send(service, GOOD[name])
    image = await answer.json(content_type=None)

    assert answer.status == 201, image
    await service.http.delete(image["url"])
    assert service.files() == []


async def test_a_quoted_boundary_may_have_what_a_bare_one_may_not(service: Service) -> None:
    body = form(ANA, FILE).replace(BOUNDARY.encode(), b"a b:c=?")
    answer = await service.http.post(
        UPLOAD, data=body, headers={"Content-Type": 'multipart/form-data; boundary="a b:c=?"; charset=utf-8'}
    )

    assert answer.status == 201
    await service.http.delete((await answer.json())["url"])
