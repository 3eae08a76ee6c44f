"""`/openapi.json` is valid OpenAPI 3.1, complete, and holds for itself."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from app.web.openapi import describe
from app.web.routes import HOSTED, ROUTES
from tests.support.events import parse, text_of
from tests.support.schemas import Checker
from tests.support.service import Service

DOCUMENT = describe(ROUTES)
OPERATIONS = [
    (path, method, operation) for path, item in DOCUMENT["paths"].items() for method, operation in item.items()
]
each_operation = pytest.mark.parametrize(
    ("path", "method", "operation"), OPERATIONS, ids=[f"{method} {path}" for path, method, _ in OPERATIONS]
)


def nodes(found: Any) -> Iterator[dict[str, Any]]:
    if isinstance(found, dict):
        yield found
    for child in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        yield from nodes(child)


async def test_it_is_served_as_it_is(service: Service) -> None:
    response = await service.http.get("/openapi.json")
    assert response.content_type == "application/json"
    assert await response.json() == DOCUMENT


def test_it_says_what_it_is() -> None:
    assert re.fullmatch(r"3\.1\.\d+", DOCUMENT["openapi"])
    assert DOCUMENT["info"]["title"]
    assert DOCUMENT["info"]["version"]
    assert DOCUMENT.keys() <= {"openapi", "info", "paths", "components", "servers", "tags", "security"}


def test_every_route_is_in_it_and_nothing_else() -> None:
    described = {(method.upper(), path) for path, method, _ in OPERATIONS}
    heads = {("HEAD", HOSTED), ("HEAD", "/api/images/{id}")}
    assert described == {(row.method, row.path) for row in ROUTES} | heads


def test_every_reference_leads_somewhere() -> None:
    references = [node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node]
    assert references
    assert all(isinstance(Checker(DOCUMENT).resolve(each), dict) for each in references)


def test_every_schema_uses_words_the_checker_knows() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Checker(DOCUMENT).problems({}, schema)


def test_operation_ids_are_unique() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)


def test_a_hosted_image_tells_all_its_answers() -> None:
    answers = DOCUMENT["paths"][HOSTED]["get"]["responses"]
    expected = {"200", "206", "304", "307", "401", "404", "410", "412", "416", "422", "503", "default"}
    assert answers.keys() == expected
    assert answers["206"]["content"].keys() == {"image/*", "multipart/byteranges"}


def test_an_answer_is_shown_as_one_comes() -> None:
    media = DOCUMENT["paths"]["/api/stream-message"]["post"]["responses"]["200"]["content"]["text/event-stream"]
    events = [parse(block) for block in media["example"].removesuffix("\n\n").split("\n\n")]
    said = [event for event in events if event.name != "ping"]

    assert [event.id for event in said] == ["1", "2", "3", "4"]
    assert len(text_of(said)) == said[-1].data["content_length"]
    for event in said:
        schema = {"$ref": f"#/components/schemas/Answer{event.name.capitalize()}"}
        assert Checker(DOCUMENT).problems(event.data, schema) == []


@pytest.mark.parametrize("name", ["pic", "pic.png", "pic.PNG", "pic.JpEg"])
def test_an_extension_is_told_in_any_case(name: str) -> None:
    _, image = (each for each in DOCUMENT["paths"][HOSTED]["get"]["parameters"] if each["in"] == "path")
    assert re.search(image["schema"]["pattern"], name)


@each_operation
def test_every_operation_has_what_openapi_asks_for(path: str, method: str, operation: dict[str, Any]) -> None:
    optional = {"requestBody"}
    required = {"operationId", "summary", "description", "tags", "security", "parameters", "responses"}
    assert required <= operation.keys() <= required | optional
    assert operation["summary"].endswith(".")
    assert any(status.startswith("2") for status in operation["responses"])
    for status, response in operation["responses"].items():
        assert re.fullmatch(r"default|[1-5]\d\d", status)
        assert response["description"]


@each_operation
def test_every_placeholder_is_a_parameter(path: str, method: str, operation: dict[str, Any]) -> None:
    in_path = [each["name"] for each in operation["parameters"] if each["in"] == "path"]
    assert in_path == re.findall(r"{(\w+)}", path)
    for each in operation["parameters"]:
        assert each["in"] in {"path", "query", "header"}
        assert each["schema"]["type"]
        assert each.get("required", False) == (each["in"] == "path")


@each_operation
def test_every_security_scheme_is_declared(path: str, method: str, operation: dict[str, Any]) -> None:
    declared = DOCUMENT["components"]["securitySchemes"].keys()
    assert {name for choice in operation["security"] for name in choice} <= declared


@each_operation
def test_every_refusal_is_a_problem(path: str, method: str, operation: dict[str, Any]) -> None:
    schema = operation["responses"]["default"]["content"]["application/problem+json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Problem"}


@each_operation
def test_bodies_are_described_where_they_are_read(path: str, method: str, operation: dict[str, Any]) -> None:
    has_body = (method == "post" and not path.startswith("/v1/webhooks")) or (method, path) == ("delete", "/api/images")
    assert ("requestBody" in operation) == has_body
    if has_body:
        assert operation["requestBody"]["required"] is True
        others = {
            "/api/uploads/image": {"multipart/form-data", "image/*"},
            "/api/stream-message": {"application/json", "multipart/form-data"},
        }
        assert operation["requestBody"]["content"].keys() == others.get(path, {"application/json"})
