"""A request to talk, judged as a Go program judges it: images are bytes in the standard base64, nothing else."""

import asyncio
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from devkit.ollama.chats import Message
from devkit.ollama.looking import NoPicture, Picture, look
from devkit.ollama.refusals import Refusal

_FOREIGN = re.compile(r"[^A-Za-z0-9+/=\r\n]")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,300}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    model: str
    messages: tuple[Message, ...]
    stream: bool
    think: bool | None
    limit: int | None
    """The most tokens to say."""
    members: dict[str, Any]


async def members_of(request: web.Request) -> dict[str, Any]:
    """Return the body; raise the `Refusal` that one deserves which is no object."""
    body = await request.read()
    if not body:
        raise Refusal(400, "missing request body")
    try:
        members = json.loads(body)
    except ValueError:
        raise Refusal(400, "invalid character in literal") from None
    if not isinstance(members, dict):
        raise Refusal(400, "json: cannot unmarshal value into Go value of type api.ChatRequest")
    return members


def name_in(members: dict[str, Any]) -> str:
    name = members.get("model") or members.get("name")
    if not name:
        raise Refusal(400, "model is required")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Refusal(400, "invalid model name")
    return name


async def read_wish(request: web.Request) -> Wish:
    members = await members_of(request)
    said = members.pop("messages", None) or []
    options = members.get("options") or {}
    limit = options.get("num_predict")
    think = members.get("think")
    return Wish(
        messages=tuple([await _message(each) for each in said]),
        model=name_in(members),
        stream=members.get("stream") is not False,
        think=None if think is None else bool(think),
        limit=limit if isinstance(limit, int) and limit >= 0 else None,
        members=members,
    )


async def _message(said: Any) -> Message:
    if not isinstance(said, dict) or not isinstance(said.get("content", ""), str):
        raise Refusal(400, "json: cannot unmarshal value into Go struct field ChatRequest.messages")
    contents = [decoded(image) for image in said.get("images") or []]
    pictures = tuple([await _picture(content) for content in contents])
    return Message(role=str(said.get("role", "")), content=said.get("content", ""), pictures=pictures)


def decoded(image: Any) -> bytes:
    """Return the bytes of *image*; a data URL and the alphabet of URLs are no base64 here."""
    if not isinstance(image, str):
        raise Refusal(400, "json: cannot unmarshal value into Go struct field Message.images of type []uint8")
    if (foreign := _FOREIGN.search(image)) is not None:
        raise Refusal(400, f"illegal base64 data at input byte {foreign.start()}")
    try:
        return binascii.a2b_base64(re.sub(r"[\r\n]", "", image), strict_mode=True)
    except binascii.Error:
        raise Refusal(400, f"illegal base64 data at input byte {len(image)}") from None


async def _picture(content: bytes) -> Picture:
    try:
        return await asyncio.to_thread(look, content)
    except NoPicture as exc:
        raise Refusal(500, f"failed to process inputs: {exc}") from None
