"""`/docs`: the OpenAPI document as one page for people, built once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.web.errors import STATUS
from app.web.pages.curl import curl
from app.web.pages.markup import NOTHING, Markup, code, element, joined
from app.web.pages.schemas import field, fields, reference, type_of

Operation = Mapping[str, Any]


def render(template: str, document: Mapping[str, Any]) -> str:
    """Return *template* with what *document* describes in the places of its `<!--name-->` comments."""
    groups = _groups(document)
    parts = {
        "title": joined(document["info"]["title"]),
        "version": joined(document["info"]["version"]),
        "description": joined(document["info"]["description"]),
        "index": joined(*(_index(name, found) for name, found in groups.items())),
        "codes": _codes(),
        "endpoints": joined(*(_group(name, found, document) for name, found in groups.items())),
        "schemas": joined(*(_schema(name, each) for name, each in sorted(_shown(document).items()))),
    }
    for name, part in parts.items():
        template = template.replace(f"<!--{name}-->", part)
    return template


def _groups(document: Mapping[str, Any]) -> dict[str, list[tuple[str, str, Operation]]]:
    groups: dict[str, list[tuple[str, str, Operation]]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            groups.setdefault(operation["tags"][0], []).append((method, path, operation))
    return groups


def _index(name: str, found: Sequence[tuple[str, str, Operation]]) -> Markup:
    rows = (
        element("li", element("a", _called(method, path), href=f"#{operation['operationId']}"))
        for method, path, operation in found
    )
    return joined(element("h3", element("a", name.capitalize(), href=f"#{name}")), element("ul", *rows))


def _called(method: str, path: str) -> Markup:
    # A long path may break before a slash, not within a name.
    breakable = element("code", joined(*path.split("/"), by=Markup("<wbr>/")))
    return joined(element("span", method.upper(), class_=f"method {method}"), breakable, by=" ")


def _group(name: str, found: Sequence[tuple[str, str, Operation]], document: Mapping[str, Any]) -> Markup:
    rows = (_endpoint(method, path, operation, document) for method, path, operation in found)
    return element("section", element("h2", name.capitalize()), *rows, id=name)


def _endpoint(method: str, path: str, operation: Operation, document: Mapping[str, Any]) -> Markup:
    example = curl(method, path, operation)
    return element(
        "article",
        element("h3", element("a", _called(method, path), href=f"#{operation['operationId']}")),
        element("p", operation["summary"], class_="summary"),
        element("p", operation["description"], class_="open"),
        *_parameters(operation),
        *_body(operation, document),
        _part("Answers", element("dl", *_answers(operation), class_="fields")),
        _part("Example", element("pre", code(example), tabindex="0")) if example else NOTHING,
        id=operation["operationId"],
        class_="endpoint",
    )


def _part(title: str, *content: Markup) -> Markup:
    return joined(element("h4", title), *content)


def _parameters(operation: Operation) -> Iterator[Markup]:
    rows = [
        field(
            each["name"],
            each["schema"],
            mark="required" if each.get("required") else "",
            note=f"in the {each['in']}",
        )
        for each in operation["parameters"]
    ]
    if rows:
        yield _part("Parameters", element("dl", *rows, class_="fields"))


def _body(operation: Operation, document: Mapping[str, Any]) -> Iterator[Markup]:
    for media, each in operation.get("requestBody", {}).get("content", {}).items():
        yield element("h4", joined("Body", code(media), by=" "))
        name = reference(each["schema"])
        yield fields(document["components"]["schemas"][name] if name else each["schema"])


def _answers(operation: Operation) -> Iterator[Markup]:
    for status, answer in sorted(operation["responses"].items()):  # digits, then "default"
        kinds = [joined(type_of(each["schema"]), " as ", code(media)) for media, each in _content(answer)]
        told = joined(answer["description"], *kinds, by=" ")
        yield joined(element("dt", code("other" if status == "default" else status)), element("dd", element("p", told)))


def _content(answer: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from answer.get("content", {}).items()


def _shown(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schemas of answers; those of bodies are shown where they are sent."""
    operations = (operation for item in document["paths"].values() for operation in item.values())
    bodies = {
        reference(media["schema"])
        for operation in operations
        for media in operation.get("requestBody", {}).get("content", {}).values()
    }
    schemas = document["components"]["schemas"]
    return {name: each for name, each in schemas.items() if name not in bodies}


def _schema(name: str, schema: Mapping[str, Any]) -> Markup:
    said = schema.get("description", "")
    return element(
        "article",
        element("h3", element("a", name, href=f"#schema-{name}")),
        element("p", said) if said else NOTHING,
        fields(schema, is_answer=True) or element("p", "An object whose members may become more."),
        id=f"schema-{name}",
        class_="endpoint",
    )


def _codes() -> Markup:
    """Return every refusal's code with its status, and whether trying again can help."""
    codes: dict[str, tuple[int, set[bool]]] = {}
    for kind, status in STATUS.items():
        codes.setdefault(kind.code, (status, set()))[1].add(kind.retryable)
    spelled = {frozenset({True}): "yes", frozenset({False}): "no", frozenset({True, False}): "see retryable"}
    rows = (
        element("tr", *(element("td", cell) for cell in (str(status), code(name), spelled[frozenset(retryable)])))
        for name, (status, retryable) in sorted(codes.items(), key=lambda row: (row[1][0], row[0]))
    )
    return element("tbody", *rows)
