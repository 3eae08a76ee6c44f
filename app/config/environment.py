"""Where the text of the settings comes from: the real environment, then `.env`, then what the platform says."""

from collections.abc import Collection, Mapping
from pathlib import Path

from dotenv import dotenv_values

_PLATFORM = (
    ("IMAGE_STORAGE_PATH", "RAILWAY_VOLUME_MOUNT_PATH", "{}/images"),
    ("PUBLIC_BASE_URL", "RAILWAY_PUBLIC_DOMAIN", "https://{}"),
)


class ConfigError(Exception):
    """The settings are no good.  The message has one line for each problem, and shows nobody's value."""

    def __init__(self, problems: Collection[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def read(environ: Mapping[str, str], *, dotenv: Path | None, may_be_empty: Collection[str]) -> dict[str, str]:
    """Return the variables that are set, trimmed; one without a value is unset, except those of *may_be_empty*."""
    values = _set(_read_file(dotenv), may_be_empty) | _set(environ, may_be_empty)
    for name, origin, template in _PLATFORM:
        if name not in values and origin in values:
            values[name] = template.format(values[origin].rstrip("/"))
    return values


def _set(variables: Mapping[str, str], may_be_empty: Collection[str]) -> dict[str, str]:
    trimmed = {name: value.strip() for name, value in variables.items()}
    return {name: value for name, value in trimmed.items() if value or name in may_be_empty}


def _read_file(path: Path | None) -> dict[str, str]:
    if path is None or not path.exists():
        return {}
    try:
        # Without interpolation a secret may contain `$`, and only one place reads the process's environment.
        values = dotenv_values(path, encoding="utf-8-sig", interpolate=False)
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError([f"{path}: cannot be read ({type(exc).__name__})."]) from None
    return {name: value for name, value in values.items() if value is not None}
