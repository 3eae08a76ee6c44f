"""The kinds of settings, as types.  `Positive…` refuses 0; `…OrOff` reads 0 as None."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator

from app.config import chat_texts, numbers, texts
from app.config.numbers import one_of, size, some, span, unless_empty, unless_zero, whole

_SECONDS, _MINUTES = span(timedelta(seconds=1)), span(timedelta(minutes=1))
_HOURS, _DAYS = span(timedelta(hours=1)), span(timedelta(days=1))
_KIB, _MIB, _GIB = 2**10, 2**20, 2**30

_Level = Literal["debug", "info", "warn", "error"]
_Access = Literal["public", "signed"]
_YES_OR_NO = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)
_LEVELS: dict[str, _Level] = {"debug": "debug", "info": "info", "warn": "warn", "warning": "warn", "error": "error"}
_ACCESS: dict[str, _Access] = {"public": "public", "signed": "signed"}

Switch = Annotated[bool, BeforeValidator(one_of(_YES_OR_NO))]
LogLevel = Annotated[_Level, BeforeValidator(one_of(_LEVELS))]
ImageAccess = Annotated[_Access, BeforeValidator(one_of(_ACCESS))]

Count = Annotated[int, BeforeValidator(whole(1))]
Widths = Annotated[tuple[int, ...], BeforeValidator(numbers.widths)]
CountOrNone = Annotated[int, BeforeValidator(whole(0))]
CountOrOff = Annotated[int | None, BeforeValidator(unless_zero(whole(0)))]
Workers = Annotated[int, BeforeValidator(whole(1, 64))]
Port = Annotated[int, BeforeValidator(whole(0, 65535))]
UserNumber = Annotated[int | None, BeforeValidator(unless_empty(whole(1, 2**31 - 1)))]
Share = Annotated[float, BeforeValidator(numbers.share)]

Seconds = Annotated[timedelta, BeforeValidator(_SECONDS)]
PositiveSeconds = Annotated[timedelta, BeforeValidator(some(_SECONDS))]
PositiveMinutes = Annotated[timedelta, BeforeValidator(some(_MINUTES))]
Hours = Annotated[timedelta, BeforeValidator(_HOURS)]
PositiveHours = Annotated[timedelta, BeforeValidator(some(_HOURS))]
DaysOrOff = Annotated[timedelta | None, BeforeValidator(unless_zero(_DAYS))]

Kibibytes = Annotated[int, BeforeValidator(size(_KIB))]
Mebibytes = Annotated[int, BeforeValidator(size(_MIB))]
PositiveMebibytes = Annotated[int, BeforeValidator(some(size(_MIB)))]
GibibytesOrOff = Annotated[int | None, BeforeValidator(unless_zero(size(_GIB)))]

Folder = Annotated[Path, BeforeValidator(texts.folder)]
DatabaseUrl = Annotated[str, BeforeValidator(texts.database)]
Host = Annotated[str | None, BeforeValidator(unless_empty(texts.host))]
Hosts = Annotated[tuple[str, ...], BeforeValidator(texts.hosts)]
HostsOrNone = Annotated[tuple[str, ...], BeforeValidator(texts.hosts_or_none)]
Origin = Annotated[str | None, BeforeValidator(unless_empty(texts.origin))]
Api = Annotated[str, BeforeValidator(texts.api)]
ApiOrNone = Annotated[str | None, BeforeValidator(unless_empty(texts.api))]
OllamaHost = Annotated[str, BeforeValidator(chat_texts.ollama_host)]
ModelName = Annotated[str | None, BeforeValidator(unless_empty(chat_texts.model))]
ImageTypes = Annotated[tuple[str, ...], BeforeValidator(chat_texts.image_types)]
ServePath = Annotated[str, BeforeValidator(chat_texts.serve_path)]
Header = Annotated[str | None, BeforeValidator(unless_empty(texts.header))]
Rate = Annotated[str | None, BeforeValidator(unless_empty(texts.rate))]
Keys = Annotated[tuple[str, ...], BeforeValidator(texts.keys)]
Secret = Annotated[str | None, BeforeValidator(unless_empty(texts.secret))]
WebhookSecret = Annotated[str | None, BeforeValidator(unless_empty(texts.webhook_secret))]
