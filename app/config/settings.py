"""`Settings`: the rules that no setting can judge alone, and what is worth a word at start."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from app.config import environment, texts
from app.config.advice import advice
from app.config.environment import ConfigError
from app.config.fields import Fields

_MAY_BE_EMPTY = frozenset({"RATE_LIMIT_READS", "RATE_LIMIT_WRITES"})
_CONSEQUENCE = "default_factory_not_called"


class Settings(Fields):
    """The whole configuration, frozen; `from_env` makes one."""

    warnings: tuple[str, ...] = ()
    """What is allowed but deserves to be said loudly at start."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, *, dotenv: Path | None = Path(".env")) -> Self:
        """Return the settings of *environ* (None: the process's own) over *dotenv*, or raise `ConfigError`."""
        values = cls.texts(environ, dotenv=dotenv)
        try:
            settings = cls.model_validate({name: values[name] for name in _names(cls) if name in values})
        except ValidationError as exc:
            # Not chained: pydantic's errors carry the text that was refused.
            problems = [_problem(error) for error in exc.errors() if error["type"] != _CONSEQUENCE]
            raise ConfigError(problems) from None
        return settings.model_copy(update={"warnings": tuple(advice(settings, values))})

    @classmethod
    def texts(cls, environ: Mapping[str, str] | None = None, *, dotenv: Path | None = Path(".env")) -> dict[str, str]:
        """Return the variables that are set, as text: an environment that stands for both."""
        environ = os.environ if environ is None else environ
        return environment.read(environ, dotenv=dotenv, may_be_empty=_MAY_BE_EMPTY)

    @property
    def data_dir(self) -> Path:
        """The folder that outlives the process: the images lie in it, the catalog beside them."""
        return self.image_storage_path.parent

    @property
    def database_path(self) -> Path | None:
        """The SQLite file; None when the catalog is no file."""
        path = self.database_url.removeprefix(texts.SQLITE)
        return None if path == self.database_url else Path(path)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret, in clear, for the log's mask."""
        password = unquote(urlsplit(self.database_url).password or "")
        providers = (self.replicate_api_token, self.replicate_webhook_secret, self.fal_key, self.ollama_api_key)
        own = (self.metrics_token, *providers, password)
        return (*self.api_keys, *self.signing_keys, *(secret for secret in own if secret))

    @field_validator("*", mode="before")
    @classmethod
    def _is_legible(cls, value: Any) -> Any:
        return texts.legible(value) if isinstance(value, str) else value

    @field_validator("host")
    @classmethod
    def _is_guarded(cls, host: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("api_keys") == () and not (host and texts.is_loopback(host)):
            raise ValueError("is open to other machines, which needs API_KEYS; without them use 127.0.0.1.")
        return host

    @field_validator("image_gallery_width")
    @classmethod
    def _is_a_variant(cls, width: int | None, info: ValidationInfo) -> int | None:
        if width is not None and width not in info.data.get("image_variant_widths", (width,)):
            raise ValueError("must be one of IMAGE_VARIANT_WIDTHS, or 0.")
        return width

    @field_validator("volume_low_water")
    @classmethod
    def _is_below_the_high_mark(cls, low: float, info: ValidationInfo) -> float:
        if low >= info.data.get("volume_high_water", 1):
            raise ValueError("must be less than VOLUME_HIGH_WATER.")
        return low


def _names(settings: type[Fields]) -> list[str]:
    return [field.alias for field in settings.model_fields.values() if field.alias]


def _problem(error: ErrorDetails) -> str:
    cause = error.get("ctx", {}).get("error", error["msg"])
    return f"{error['loc'][0]}: {cause}"
