"""How a setting is declared: its name in the environment, and its default as one would write it there."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Declarations(BaseModel):
    """Settings by topic.  A default that is a function is worked out from the settings above it."""

    model_config = ConfigDict(
        frozen=True, validate_default=True, extra="ignore", hide_input_in_errors=True, use_attribute_docstrings=True
    )


def setting(name: str, default: Any = "") -> Any:
    if callable(default):
        return Field(alias=name, default_factory=default)
    return Field(default, alias=name)


def secret(name: str, default: Any = "") -> Any:
    """Declare a setting that nobody sees in the `repr` of the whole."""
    if callable(default):
        return Field(alias=name, default_factory=default, repr=False)
    return Field(default, alias=name, repr=False)
