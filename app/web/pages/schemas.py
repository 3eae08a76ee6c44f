"""JSON Schema in words: the types, bounds and fields of what goes in and out."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from app.web.pages.markup import NOTHING, Markup, code, element, joined

Schema = Mapping[str, Any]

_UNITS = {"minLength": "characters", "minItems": "items"}
_RANGES = (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"))


def reference(schema: Schema) -> str | None:
    """Return the name of the schema that *schema* only points at."""
    target = schema.get("$ref")
    return None if target is None else str(target).rpartition("/")[2]


def type_of(schema: Schema) -> Markup:
    """Return what a value may be, such as `string or null` or `array of Image`."""
    if name := reference(schema):
        return element("a", name, href=f"#schema-{name}")
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return joined(*(type_of(each) for each in schema[choice]), by=" or ")
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return joined(*(code(json.dumps(value)) for value in values), by=" or ")
    kinds = schema.get("type", "any value")
    return joined(*(_named(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds)), by=" or ")


def fields(schema: Schema, *, is_answer: bool = False) -> Markup:
    """Return the list of an object's fields, those of objects within it included; nothing if it names none.

    What has to be sent is marked; of an answer, what may be left out.
    """
    properties: Mapping[str, Schema] = schema.get("properties", {})
    if not properties:
        return NOTHING
    required = schema.get("required", ())
    word = "not always there" if is_answer else "required"
    rows = (
        field(name, each, mark=word if (name in required) is not is_answer else "", is_answer=is_answer)
        for name, each in properties.items()
    )
    return element("dl", *rows, class_="fields")


def field(name: str, schema: Schema, *, mark: str, note: str = "", is_answer: bool = False) -> Markup:
    """Return one field's name, type and bounds, and what is said about it."""
    marks = [element("span", mark, class_="mark")] if mark else []
    marks += [element("span", note, class_="bound")] if note else []
    marks += [element("span", bound, class_="bound") for bound in _bounds(schema)]
    head = element("dt", joined(code(name), element("span", type_of(schema), class_="type"), *marks, by=" "))
    inner = fields(schema.get("items", schema), is_answer=is_answer)
    said = schema.get("description", "")
    body = joined(element("p", said) if said else NOTHING, inner)
    return joined(head, element("dd", body) if body else NOTHING)


def _named(kind: str, schema: Schema) -> Markup:
    if kind == "array" and "items" in schema:
        return joined("array of ", type_of(schema["items"]))
    known = {"date-time": "time (RFC 3339)", "uri": "URL", "binary": "bytes"}
    return joined(known.get(schema.get("format", ""), kind) if kind == "string" else kind)


def _bounds(schema: Schema) -> Iterator[Markup]:
    for each in (schema, *(choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null")):
        yield from _ranges(each)
        if "pattern" in each:
            yield joined("matches ", code(each["pattern"]))
    if schema.get("default") is not None:
        yield joined("default ", code(json.dumps(schema["default"])))


def _ranges(schema: Schema) -> Iterator[Markup]:
    for least, most in _RANGES:
        unit = _UNITS.get(least, "")
        if least in schema and most in schema:
            yield joined(f"{schema[least]:,} to {schema[most]:,} {unit}".strip())
        elif least in schema:
            yield joined(f"at least {schema[least]:,} {unit}".strip())
        elif most in schema:
            yield joined(f"at most {schema[most]:,} {unit}".strip())
