"""The judge of conversations: compares their rows with what the app was told, asking no service."""

import sqlite3
from collections.abc import Iterator, Sequence

from benchmarks.reliability.stage import Promise
from benchmarks.reliability.talking import HALF, WHOLE

_UNLIKE = {
    "a conversation without messages": "SELECT id FROM sessions WHERE id NOT IN (SELECT session_id FROM messages)",
    "a question without its answer": "SELECT session_id FROM messages GROUP BY session_id HAVING count(*) % 2",
    "messages that are not numbered one by one": """
        SELECT session_id FROM messages GROUP BY session_id HAVING min(number) != 1 OR max(number) != count(*)
    """,
    "a picture that is gone from its message": """
        SELECT image_id FROM message_images JOIN images USING (user_id)
        WHERE images.id = image_id AND status != 'stored'
    """,
}
_UNFINISHED = {
    "an answer that is still being said": "SELECT id FROM messages WHERE status = 'streaming'",
    "a picture of no message": """
        SELECT id FROM images WHERE source = 'chat' AND status != 'deleted'
        AND id NOT IN (SELECT image_id FROM message_images)
    """,
}


def as_left(catalog: sqlite3.Connection, promises: Sequence[Promise]) -> list[str]:
    """Return what is wrong with the conversations as a dead process left them."""
    if not catalog.execute("SELECT 1 FROM sqlite_master WHERE name = 'sessions'").fetchone():
        return []
    return [*_found(catalog, _UNLIKE), *_broken(catalog, promises)]


def after_recovery(catalog: sqlite3.Connection, promises: Sequence[Promise]) -> list[str]:
    return [*as_left(catalog, promises), *_found(catalog, _UNFINISHED)]


def _found(catalog: sqlite3.Connection, queries: dict[str, str]) -> Iterator[str]:
    for what, query in queries.items():
        for (name,) in catalog.execute(query):
            yield f"{what}: {name}"


def _broken(catalog: sqlite3.Connection, promises: Sequence[Promise]) -> Iterator[str]:
    forgotten = {promise.image for promise in promises if promise.what in {"forgetting", "forgotten"}}
    answers = {id_: rest for id_, *rest in catalog.execute("SELECT id, session_id, status, content FROM messages")}
    sessions = {id_ for (id_,) in catalog.execute("SELECT id FROM sessions")}
    for promise in promises:
        if promise.what == "forgotten" and promise.image in sessions:
            yield f"{promise.image} was deleted and is there"
        if promise.what in {"half said", "said"} and promise.user not in forgotten:
            yield from _unlike(promise, answers.get(promise.image))


def _unlike(promise: Promise, row: list[str] | None) -> Iterator[str]:
    if row is None:
        yield f"{promise.image} was {promise.what} and is gone"
        return
    _, status, content = row
    if not content.startswith(HALF):
        yield f"{promise.image} was {promise.what} and has lost words"
    if promise.what == "said" and (status, content) != ("complete", WHOLE):
        yield f"{promise.image} was said and is {status}: {content}"
