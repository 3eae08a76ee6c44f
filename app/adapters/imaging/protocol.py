"""What the pool and its workers say to each other: JSON objects, each behind its length, some before raw bytes.

A request names its operation: `{"op": "inspect", "path": …}`.  A reply is one of `{"result": …}`, `{"refused":
{"reason", "detail"}}`, `{"unreadable": why}` and `{"bug": traceback}`; a picture that was made follows it as raw bytes,
whose number it tells as `"payload"`.  The first message of a worker is `{"result": "ready"}`, or the bug that keeps
it from starting.
"""

import json
import struct
from typing import Any

_LENGTH = struct.Struct(">I")

LENGTH_SIZE = _LENGTH.size
MAX_LENGTH = 1 << 20
"""Of one message.  A longer one means that the other side is not itself any more."""

MAX_PAYLOAD = 64 << 20
"""Of the raw bytes behind one message; they are held in memory at both ends."""

MAX_STREAM = 1 << 30
"""Of raw bytes that are written to a file as they come."""

EXIT_OUT_OF_MEMORY = 70
"""How a worker ends that has no memory left to reply with."""

Message = dict[str, Any]

Reply = tuple[Message, bytes]
"""A message and the payload behind it."""


def pack(message: Message, payload: bytes = b"") -> bytes:
    body = json.dumps(message | {"payload": len(payload)} if payload else message).encode()
    return _LENGTH.pack(len(body)) + body + payload


def parse_length(prefix: bytes) -> int:
    """Return the length of the message that follows; raise `ValueError` if it cannot be one."""
    (length,) = _LENGTH.unpack(prefix)
    if length > MAX_LENGTH:
        raise ValueError(f"a message of {length} bytes")
    return int(length)


def parse(body: bytes) -> Message:
    """Return the message in *body*; raise `ValueError` if it is none."""
    message = json.loads(body)
    if not isinstance(message, dict):
        raise ValueError("a message that is no object")  # noqa: TRY004 - one error for every bad message
    return message


def payload_size(message: Message, *, at_most: int = MAX_PAYLOAD) -> int:
    """Return how many raw bytes follow *message*; raise `ValueError` if it cannot be."""
    size = message.get("payload", 0)
    if not isinstance(size, int) or not 0 <= size <= at_most:
        raise ValueError("a payload of no size there is")
    return size
