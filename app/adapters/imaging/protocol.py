"""What the pool and its workers say to each other: JSON objects, each behind its length.

A request names its operation: `{"op": "inspect", "path": …}`.  A reply is one of `{"result": …}`, `{"refused":
{"reason", "detail"}}`, `{"unreadable": why}` and `{"bug": traceback}`.  The first message of a worker is
`{"result": "ready"}`, or the bug that keeps it from starting.
"""

import json
import struct
from typing import Any

_LENGTH = struct.Struct(">I")

LENGTH_SIZE = _LENGTH.size
MAX_LENGTH = 1 << 20
"""Of one message.  A longer one means that the other side is not itself any more."""

Message = dict[str, Any]


def pack(message: Message) -> bytes:
    body = json.dumps(message).encode()
    return _LENGTH.pack(len(body)) + body


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
