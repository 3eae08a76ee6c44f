"""Logs: one JSON object a line on one stream, whoever speaks and whatever they say.

Everything the process would print goes through here: our loggers, libraries, Python's warnings, and exceptions nobody
caught.  What could open a door (secrets, query strings, payloads) is masked last, when a line is complete, so that no
caller has to remember it.
"""

import asyncio
import fcntl
import json
import logging
import math
import os
import re
import sys
import threading
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Set while a request is answered; every line logged meanwhile carries it."""

_MASK = "[redacted]"
_LONGEST_TEXT = 2_000
_LONGEST_TRACE = 8_000
_LONGEST_READ = 64_000
_MOST_ITEMS = 50
_DEEPEST = 4
_SHORTEST_SECRET = 6

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_TALKATIVE = ("aiosqlite", "asyncio", "PIL")
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SURROGATES = re.compile("[\ud800-\udfff]")

# Each of these is linear: once its first characters match, it cannot fail after reading more than a bounded stretch.
_URL = re.compile(r'://([^\s"<>?#]*)([?#][^\s"<>]*)?')
_QUERY = re.compile(r'\?[\w.%\[\]-]{1,64}=[^\s"<>]*')
_BEARER = re.compile(r"\b(bearer)[ ]{1,4}[\w.~+/=-]{16,}", re.IGNORECASE)
_DATA = re.compile(r'\b(data:[^\s",<>]{0,200}),[^\s"<>]*', re.IGNORECASE)


def configure(
    level: str, *, stream: TextIO | None = None, secrets: Iterable[str] = (), worker: int | None = None
) -> None:
    """Send everything from *level* (debug, info, warn, error) up to *stream*, standard output if it is None.

    *worker* says which of several processes this is, on every line.  Called again, it replaces what it set up before:
    first with nothing known, then with the settings.
    """
    handler = _Handler(sys.stdout if stream is None else stream)
    handler.setFormatter(_Formatter(Mask(secrets), worker))
    logging.basicConfig(level=_LEVELS[level], handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(_LEVELS[level], logging.INFO))
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)
    logging.getLogger("alembic.runtime.migration").addFilter(_is_news)
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    sys.unraisablehook = _unraisable
    threading.excepthook = _uncaught_in_thread


def take_turns(path: Path) -> None:
    """Have this process and the others that share its stream and *path* write one line at a time.

    A pipe takes no more than 4096 bytes in one piece (PIPE_BUF), and a trace is longer.
    """
    turns = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _Handler):
            handler.turns = turns


def on_loop_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what an event loop could raise nowhere; for `loop.set_exception_handler`."""
    log = logging.getLogger("asyncio")
    log.error(context.get("message", "error in the event loop"), exc_info=context.get("exception"))


class Mask:
    """Hides *secrets*, credentials and query strings of URLs, and the payloads of data URIs."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # A very short one would black out half of every line, and is no secret anyway.
        known = sorted({text for text in secrets if len(text) >= _SHORTEST_SECRET}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, known))) if known else None
        self._margin = len(known[0]) if known else 0

    def __call__(self, text: str, longest: int = _LONGEST_TEXT) -> str:
        """Return *text* masked, without broken characters, and cut in the middle if it is longer than *longest*."""
        clean = self._hide(_SURROGATES.sub("\ufffd", text[:_LONGEST_READ]))
        if len(text) > _LONGEST_READ:
            # A secret that was cut in two is not recognised, so its half goes as well.
            clean = f"{clean[: len(clean) - self._margin]} ... [of {len(text)} characters]"
        if len(clean) <= longest:
            return clean
        return f"{clean[: longest // 2]} ... [of {len(text)} characters] ... {clean[-longest // 2 :]}"

    def _hide(self, text: str) -> str:
        if self._secrets:
            text = self._secrets.sub(_MASK, text)
        text = _DATA.sub(rf"\1,{_MASK}", text)
        text = _URL.sub(_without_credentials, text)
        text = _QUERY.sub(f"?{_MASK}", text)
        return _BEARER.sub(rf"\1 {_MASK}", text)


def _without_credentials(match: re.Match[str]) -> str:
    authority, slash, path = match[1].partition("/")
    credentials, at, host = authority.rpartition("@")
    query = f"{match[2][0]}{_MASK}" if match[2] else ""
    return f"://{_MASK if credentials else ''}{at}{host}{slash}{path}{query}"


class _Formatter(logging.Formatter):
    """Turns a record into its line, whatever is in it."""

    def __init__(self, mask: Mask, worker: int | None = None) -> None:
        super().__init__()
        self._mask = mask
        self._own = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "level": _level(record.levelno),
            "message": self._mask(_message(record).strip()),
            "time": _time(record.created),
            "logger": record.name,
            **self._own,
        }
        if (current := request_id.get()) is not None:
            line["request_id"] = self._mask(current)
        for name, value in vars(record).items():
            if name not in _OWN:
                # An extra does not replace what every line has.
                line[f"{name}_" if name in line else name] = self._value(value)
        line |= self._traces(record)
        return json.dumps(line)

    def _traces(self, record: logging.LogRecord) -> dict[str, str]:
        traces = {}
        if record.exc_info and record.exc_info[1]:
            traces["exception"] = self._mask(self.formatException(record.exc_info), _LONGEST_TRACE)
        if record.stack_info:
            traces["stack"] = self._mask(record.stack_info, _LONGEST_TRACE)
        return traces

    def _value(self, value: object) -> Any:
        try:
            return self._plain(value, _DEEPEST)
        except Exception:  # noqa: BLE001 - a stranger's __str__ may raise anything, and a line is owed
            return f"<{type(value).__name__}>"

    def _plain(self, value: object, depth: int) -> Any:
        """Return *value* as JSON knows it, down to *depth*."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return value if math.isfinite(value) else str(value)
        if isinstance(value, Mapping | list | tuple | set | frozenset):
            return self._nested(value, depth - 1) if depth else "..."
        return self._mask(value.isoformat() if isinstance(value, datetime) else str(value))

    def _nested(self, value: Mapping[Any, Any] | Iterable[Any], depth: int) -> Any:
        if isinstance(value, Mapping):
            items = islice(value.items(), _MOST_ITEMS)
            return {self._mask(str(name)): self._plain(item, depth) for name, item in items}
        return [self._plain(item, depth) for item in islice(value, _MOST_ITEMS)]


class _Handler(logging.StreamHandler[TextIO]):
    turns: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self.turns is None:
            super().emit(record)
            return
        fcntl.flock(self.turns, fcntl.LOCK_EX)
        try:
            super().emit(record)
        finally:
            fcntl.flock(self.turns, fcntl.LOCK_UN)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Say nothing: a stream that is gone cannot be complained to."""


def _is_news(record: logging.LogRecord) -> bool:
    """At each start Alembic says how it looks; worth a line is only what it does."""
    return record.levelno > logging.INFO or record.msg.startswith("Running")


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit must not cost the line
        return f"{record.msg!r} with arguments that do not fit"


def _level(number: int) -> str:
    return next((name for name, least in reversed(_LEVELS.items()) if number >= least), "debug")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    log = logging.getLogger("app")
    if issubclass(kind, KeyboardInterrupt):
        log.warning("interrupted")
    else:
        log.error("uncaught exception", exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _unraisable(args: "sys.UnraisableHookArgs") -> None:
    log = logging.getLogger("app")
    log.error(
        args.err_msg or "exception ignored", exc_info=args.exc_value, extra={"object": type(args.object).__name__}
    )
