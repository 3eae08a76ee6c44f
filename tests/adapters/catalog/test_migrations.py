"""The way to the schema: it leads where `schema.py` says, from anywhere, however often it is interrupted."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect

from app.adapters.catalog.migrate import migrate
from app.adapters.catalog.schema import metadata
from app.domain.errors import StorageUnavailable

MIGRATE = """
import asyncio, pathlib, sys
from app.adapters.catalog.migrate import migrate
print("ready", flush=True)
sys.stdin.read()
asyncio.run(migrate(pathlib.Path(sys.argv[1])))
"""


def engine_of(path: Path) -> Engine:
    return create_engine(f"sqlite:///{path}")


def schema_of(path: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()


def partial_indexes(engine: Engine) -> dict[str, str]:
    found = inspect(engine)
    return {
        str(index["name"]): str(index["dialect_options"]["sqlite_where"])
        for table in found.get_table_names()
        for index in found.get_indexes(table)
        if index["dialect_options"].get("sqlite_where") is not None
    }


def test_the_migrated_schema_is_the_one_that_is_written_down(migrated: Path) -> None:
    with engine_of(migrated).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_columns_have_the_order_that_is_written_down(migrated: Path) -> None:
    found = inspect(engine_of(migrated))

    for table in metadata.sorted_tables:
        assert [column["name"] for column in found.get_columns(table.name)] == table.columns.keys()


def test_partial_indexes_have_the_conditions_that_are_written_down(migrated: Path) -> None:
    written = {
        str(index.name): str(index.dialect_options["sqlite"]["where"])
        for table in metadata.sorted_tables
        for index in table.indexes
        if index.dialect_options["sqlite"]["where"] is not None
    }

    assert partial_indexes(engine_of(migrated)) == written
    assert len(written) == 8


async def test_migrating_twice_changes_nothing(path: Path) -> None:
    before = schema_of(path)

    await migrate(path)

    assert schema_of(path) == before


async def test_migrating_keeps_what_is_there(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO users VALUES ('ana', 7)")

    await migrate(path)

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM users").fetchall() == [("ana", 7)]


async def test_processes_that_start_at_once_migrate_once(tmp_path: Path, migrated: Path) -> None:
    path = tmp_path / "new.sqlite3"
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MIGRATE, str(path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdin is not None
    assert other.stdout is not None
    await other.stdout.readline()  # all is imported

    other.stdin.close()
    await asyncio.gather(*(migrate(path) for _ in range(2)))

    assert await other.wait() == 0
    assert schema_of(path) == schema_of(migrated)


def dying_after(count: int, real: Callable[..., Any]) -> Callable[..., Any]:
    left = count

    def call(*args: Any, **named: Any) -> Any:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        return real(*args, **named)

    return call


@pytest.mark.parametrize("count", range(11))
async def test_a_start_that_is_killed_half_way_can_be_repeated(
    tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    path = tmp_path / "new.sqlite3"
    with monkeypatch.context() as broken:
        broken.setattr(op, "create_table", dying_after(count, op.create_table))
        with pytest.raises(KeyboardInterrupt):
            await migrate(path)
    assert schema_of(path) == []

    await migrate(path)

    assert schema_of(path) == schema_of(migrated)


async def test_a_catalog_of_a_newer_version_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(StorageUnavailable, match="newer version"):
        await migrate(path)


async def test_a_path_with_every_kind_of_letter_will_do(tmp_path: Path) -> None:
    path = tmp_path / "50% öäü ?x=1#a" / "holdfast.sqlite3"

    await migrate(path)

    assert path.exists()
