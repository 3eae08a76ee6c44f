"""`/docs` says what `/openapi.json` says, all of it, and nothing a description holds becomes markup."""

import json
import re
import shlex
from html import unescape
from typing import Any

import pytest

from app.web import examples
from app.web.bodies import GenerateBody, ImportBody
from app.web.errors import STATUS
from app.web.openapi import describe
from app.web.pages.curl import curl
from app.web.pages.markup import Markup, element, joined
from app.web.pages.reference import render
from app.web.pages.schemas import fields, type_of
from app.web.routes import ROUTES
from tests.support.service import Service
from tests.support.still import still

DOCUMENT = describe(ROUTES)
OPERATIONS = [
    (method, path, operation) for path, item in DOCUMENT["paths"].items() for method, operation in item.items()
]
each_operation = pytest.mark.parametrize(
    ("method", "path", "operation"), OPERATIONS, ids=[f"{method} {path}" for method, path, _ in OPERATIONS]
)
EVIL = "<script>alert('x')</script>\"&amp;"
PAGE = render("<!--title--><!--index--><!--codes--><!--endpoints--><!--schemas-->", DOCUMENT)


def words(html: str) -> str:
    """Return the text of *html*, as a reader sees it."""
    return " ".join(unescape(re.sub(r"<[^>]*>", "", html.replace("</", " </"))).split())


def article(identifier: str) -> str:
    """Return the part of the page with that id."""
    found = re.search(rf'<article id="{re.escape(identifier)}".*?</article>', PAGE, re.DOTALL)
    assert found is not None
    return found.group()


def evil(found: Any) -> Any:
    """Return a copy of a document in which every text and every name says something evil."""
    if isinstance(found, dict):
        return {
            name: evil(each) if name not in {"$ref", "operationId", "type"} else each for name, each in found.items()
        }
    if isinstance(found, list):
        return [evil(each) for each in found]
    return found + EVIL if isinstance(found, str) else found


async def test_it_is_one_page_that_holds_every_endpoint(tmp_path: Any) -> None:
    async with still(tmp_path) as service:
        text = await page_of(service)

    assert "<!--" not in text
    assert all(f'id="{operation["operationId"]}"' in text for _, _, operation in OPERATIONS)
    assert DOCUMENT["info"]["version"] in text


async def test_every_link_within_the_page_leads_somewhere(tmp_path: Any) -> None:
    async with still(tmp_path) as service:
        text = await page_of(service)
    targets = {unescape(each) for each in re.findall(r'href="#(.*?)"', text)}

    assert len(targets) > len(OPERATIONS)
    assert targets <= set(re.findall(r'id="(.*?)"', text))


async def page_of(service: Service) -> str:
    return await (await service.http.get("/docs")).text()


@each_operation
def test_an_endpoint_says_what_it_does_and_for_whom(method: str, path: str, operation: dict[str, Any]) -> None:
    said = words(article(operation["operationId"]))

    assert said.startswith(f"{method.upper()} {path} {operation['summary']} {operation['description']}")
    assert all(each["name"] in said for each in operation["parameters"])
    assert all(status in said for status in operation["responses"] if status != "default")


def test_a_body_is_told_field_by_field_with_types_bounds_and_defaults() -> None:
    said = words(article("images.import.POST"))

    for name, field in ImportBody.model_fields.items():
        assert name in said
        assert (field.description or "") in said
    assert "wait number 0 to 60 default 30 Seconds to wait for the image." in said
    assert "output_index integer or null 0 to 1,000" in said


def test_what_has_to_be_sent_is_marked() -> None:
    said = words(article("generations.create.POST"))

    assert "input object required" in said
    assert "version string or null 1 to 256 characters" in said
    assert "Idempotency-Key string in the header 1 to 255 characters" in said


def test_every_code_is_listed_with_its_status() -> None:
    said = words(PAGE)

    assert all(f"{status} {kind.code}" in said for kind, status in STATUS.items())


def test_nothing_a_description_says_becomes_markup() -> None:
    page = render("<!--title--><!--index--><!--endpoints--><!--schemas-->", evil(DOCUMENT))

    assert "alert" in page
    assert "<script" not in page
    assert '"&amp;"' not in page


def test_text_is_escaped_and_markup_is_not_escaped_twice() -> None:
    assert element("p", "<b>", element("i", "&"), title='"') == '<p title="&quot;">&lt;b&gt;<i>&amp;</i></p>'
    assert joined("<", Markup("<br>"), by=" ") == "&lt; <br>"


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, "string"),
        ({"type": ["integer", "null"]}, "integer or null"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"enum": ["a", None]}, '"a" or null'),
        ({"const": "replicate", "type": "string"}, '"replicate"'),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Image"}}, "array of Image"),
        ({"type": "string", "format": "date-time"}, "time (RFC 3339)"),
        ({"type": ["string", "null"], "format": "uri"}, "URL or null"),
        ({}, "any value"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_type_is_spelled_out(schema: dict[str, Any], expected: str) -> None:
    assert words(type_of(schema)) == expected


def test_fields_within_fields_are_shown_and_what_may_be_missing_in_an_answer_is_marked() -> None:
    inner = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    schema = {
        "properties": {"next": {"type": "array", "items": inner}, "reason": {"type": "string"}},
        "required": ["next"],
    }

    assert words(fields(schema, is_answer=True)) == "next array of object id string reason string not always there"


@pytest.mark.parametrize("model", examples.BODIES, ids=lambda model: model.__name__)
def test_an_example_is_accepted(model: Any) -> None:
    model.model_validate(examples.BODIES[model])


def test_every_body_has_an_example() -> None:
    contents = [operation["requestBody"]["content"] for _, _, operation in OPERATIONS if "requestBody" in operation]

    assert contents
    assert all(media["example"] for content in contents for media in content.values())


@each_operation
def test_an_example_call_can_be_pasted_into_a_shell(method: str, path: str, operation: dict[str, Any]) -> None:
    call = curl(method, path, operation)
    if path.startswith("/v1/webhooks"):
        assert call is None
        return
    assert call is not None
    parsed = shlex.split(call)

    assert parsed[0] == "curl"
    assert "{" not in next(part for part in parsed if part.startswith("$HOLDFAST/"))
    assert ("Authorization: Bearer $KEY" in parsed) == (operation["security"] != [] and {} not in operation["security"])
    if "multipart/form-data" in operation.get("requestBody", {}).get("content", {}):
        fields = [part for part in parsed if "=" in part]
        assert (fields[0], fields[-1].partition("=")[2]) == ("user_id=ana", "@picture.png")
    elif "requestBody" in operation:
        assert isinstance(json.loads(parsed[parsed.index("-d") + 1]), dict)


def test_an_apostrophe_in_an_example_does_not_end_the_shells_string() -> None:
    body = {"application/json": {"example": {"input": {"prompt": "it's"}}}}
    operation = {"security": [], "parameters": [], "requestBody": {"content": body}, "responses": {}}
    parsed = shlex.split(curl("post", "/x", operation) or "")

    assert json.loads(parsed[-1]) == {"input": {"prompt": "it's"}}
    assert GenerateBody.model_validate(json.loads(parsed[-1]) | {"model": "acme/painter"})


def test_a_file_is_sent_as_a_form() -> None:
    operation = {
        "security": [{"bearer": ["user"]}],
        "parameters": [],
        "requestBody": {"content": {"multipart/form-data": {"schema": {}}}},
        "responses": {},
    }

    assert (curl("post", "/x", operation) or "").endswith("-F file=@picture.png")
