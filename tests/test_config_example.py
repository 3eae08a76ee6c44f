"""`.env.example` says what the code says."""

from pathlib import Path

from app.config import Settings
from app.config.fields import DELIVERY_HOSTS

EXAMPLE = Path(__file__).parents[1] / ".env.example"


def settings(**environ: str) -> Settings:
    return Settings.from_env(environ, dotenv=None)


def _documented() -> dict[str, tuple[str, str]]:
    """Return the description and the default of every setting in `.env.example`."""
    entries: dict[str, tuple[str, str]] = {}
    comment: list[str] = []
    for line in EXAMPLE.read_text().splitlines():
        if line.startswith("#") and line[1:2].isupper():
            name, _, default = line[1:].partition("=")
            entries[name] = ("\n".join(comment), default)
        comment = [*comment, line.removeprefix("#").strip()] if line else []
    return entries


def test_the_example_documents_each_setting_with_its_default_and_nothing_else() -> None:
    declared = {
        field.alias: (field.description, field.default if isinstance(field.default, str) else "")
        for field in Settings.model_fields.values()
        if field.alias
    }
    assert _documented() == declared


def test_the_example_as_it_stands_changes_nothing() -> None:
    assert Settings.from_env({}, dotenv=EXAMPLE) == settings()


def test_the_example_with_everything_uncommented_changes_nothing(tmp_path: Path) -> None:
    entries = [f"{name}={default}\n" for name, (_, default) in _documented().items()]
    (tmp_path / ".env").write_text("".join(entries))
    assert Settings.from_env({}, dotenv=tmp_path / ".env") == settings()


def test_the_example_names_the_default_sources() -> None:
    description, _ = _documented()["SOURCE_HOST_ALLOWLIST"]
    assert all(host in description for host in DELIVERY_HOSTS)
