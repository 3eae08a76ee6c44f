"""`SuccessLog` over SQL."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, insert, select

from app.adapters.catalog.database import Database
from app.adapters.catalog.schema import marks
from app.domain.metrics import Task

_PREFIX = "success:"
_NAMES = {f"{_PREFIX}{task}": task for task in Task}


class SqlSuccessLog:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, task: Task, *, at: datetime) -> None:
        name = f"{_PREFIX}{task}"
        async with self._database.write() as connection:
            await connection.execute(delete(marks).where(marks.c.name == name))
            await connection.execute(insert(marks).values(name=name, at=at, is_suspect=False))

    async def latest(self) -> Mapping[Task, datetime]:
        query = select(marks.c.name, marks.c.at).where(marks.c.name.in_(_NAMES))
        async with self._database.read() as connection:
            return {_NAMES[row.name]: row.at for row in await connection.execute(query)}
