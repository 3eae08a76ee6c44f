"""The part of JSON Schema 2020-12 that our description uses, and not more: an unknown keyword is an error."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_FORMATS: Mapping[str, Callable[[str], object]] = {
    "date-time": _TIME.fullmatch,
    "uri": re.compile(r"[a-z]+:[^\s<>\"]+").fullmatch,
    "binary": lambda _: True,
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch,
}
_SILENT = {"title", "description", "default", "examples"}


class Checker:
    """Finds what is wrong with values against the schemas of one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def resolve(self, reference: str) -> Any:
        """Return what a local `$ref` names; raise `KeyError`."""
        found: Any = self._document
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]
        return found

    def problems(self, value: Any, schema: Mapping[str, Any], at: str = "$") -> list[str]:
        """Return what is wrong, each with where."""
        return [
            f"{at}{problem}"
            for keyword, expected in schema.items()
            if keyword not in _SILENT
            for problem in self._check(keyword, expected, value, schema)
        ]

    def _check(self, keyword: str, expected: Any, value: Any, schema: Mapping[str, Any]) -> list[str]:
        match keyword:
            case "$ref":
                return self.problems(value, self.resolve(expected), "")
            case "anyOf":
                fits = any(self.problems(value, each) == [] for each in expected)
                return [] if fits else [f": fits none of {len(expected)} alternatives"]
            case "properties" | "items":
                return list(self._within(keyword, expected, value))
        is_met = _KEYWORDS[keyword](expected, value, schema)
        return [] if is_met else [f": {keyword} {expected!r} is not met by {str(value)[:80]!r}"]

    def _within(self, keyword: str, expected: Any, value: Any) -> Iterator[str]:
        if keyword == "properties" and isinstance(value, dict):
            for name in expected.keys() & value.keys():
                yield from self.problems(value[name], expected[name], f".{name}")
        if keyword == "items" and isinstance(value, list):
            for index, item in enumerate(value):
                yield from self.problems(item, expected, f"[{index}]")


def _is(expected: str | list[str], value: Any) -> bool:
    kinds = [expected] if isinstance(expected, str) else expected
    return any(isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool)) for kind in kinds)


def _extra(expected: Any, value: Any, schema: Mapping[str, Any]) -> bool:
    return expected is True or not isinstance(value, dict) or value.keys() <= schema.get("properties", {}).keys()


_KEYWORDS: Mapping[str, Callable[[Any, Any, Mapping[str, Any]], object]] = {
    "type": lambda expected, value, _: _is(expected, value),
    "const": lambda expected, value, _: value == expected,
    "enum": lambda expected, value, _: value in expected,
    "required": lambda expected, value, _: not isinstance(value, dict) or value.keys() >= set(expected),
    "additionalProperties": _extra,
    "pattern": lambda expected, value, _: not isinstance(value, str) or re.search(expected, value),
    "format": lambda expected, value, _: not isinstance(value, str) or _FORMATS[expected](value),
    "minimum": lambda expected, value, _: not isinstance(value, int | float) or value >= expected,
    "maximum": lambda expected, value, _: not isinstance(value, int | float) or value <= expected,
    "minLength": lambda expected, value, _: not isinstance(value, str) or len(value) >= expected,
    "maxLength": lambda expected, value, _: not isinstance(value, str) or len(value) <= expected,
}
