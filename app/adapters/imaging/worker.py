"""The process that looks into pictures: `python -m app.adapters.imaging.worker SETTINGS`, started by the pool.

It reads requests from its input and writes replies to its output until the input ends.  It may crash or hang at
any time; only the pool's other pictures must not notice.
"""

import json
import os
import sys
import traceback
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from app.adapters.imaging import sandbox, sniff
from app.adapters.imaging.decode import decode, prepare
from app.adapters.imaging.outline import Limits
from app.adapters.imaging.protocol import LENGTH_SIZE, Message, pack, parse, parse_length
from app.adapters.imaging.thumbhash import thumbhash
from app.domain.errors import SourceRejected
from app.domain.images import CONTENT_TYPES

EXIT_OUT_OF_MEMORY = 70

_EXTENSIONS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "GIF": "gif", "AVIF": "avif"}

Operation = Callable[[Message], Message]


def inspect(path: Path, limits: Limits) -> Message:
    """Return the fields of `ImageFacts` for the picture at *path*, or raise `SourceRejected` or `OSError`.

    The file is read once, so that what was walked is what is decoded, and so that a failing disk is told from a
    damaged picture.
    """
    data = path.read_bytes()
    outline = sniff.walk(data, limits)
    decoded = decode(data, outline)
    sample = decoded.sample
    extension = _EXTENSIONS[outline.format]
    return {
        "content_type": CONTENT_TYPES[extension],
        "extension": extension,
        "width": decoded.width,
        "height": decoded.height,
        "frames": outline.frames,
        "thumbhash": b64encode(thumbhash(sample.width, sample.height, sample.rgba)).decode(),
    }


def answer(request: Message, operations: dict[str, Operation]) -> Message:
    """Return the reply to *request*; `MemoryError` passes, for no reply can be trusted after it."""
    try:
        return {"result": operations[request["op"]](request)}
    except SourceRejected as exc:
        return {"refused": {"reason": exc.reason, "detail": exc.detail}}
    except OSError as exc:
        return {"unreadable": str(exc)}
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a bug is told to the pool, which raises it where it is logged
        return {"bug": traceback.format_exc()}


def serve(requests: BinaryIO, replies: BinaryIO, operations: dict[str, Operation]) -> None:
    """Answer until the requests end."""
    _send(replies, {"result": "ready"})
    while prefix := requests.read(LENGTH_SIZE):
        request = parse(requests.read(parse_length(prefix)))
        _send(replies, answer(request, operations))


def _send(replies: BinaryIO, message: Message) -> None:
    replies.write(pack(message))
    replies.flush()


def _private_output() -> BinaryIO:
    """Return the output under another number, so that a library that prints cannot speak for us."""
    replies = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.close(silence)
    return replies


def main() -> None:
    settings = json.loads(sys.argv[1])
    limits = Limits(**settings["limits"])
    prepare(limits)
    sandbox.enter(memory_limit=settings["memory_limit"], parent=settings["parent"])
    replies = _private_output()
    try:
        serve(sys.stdin.buffer, replies, {"inspect": lambda request: inspect(Path(request["path"]), limits)})
    except MemoryError:
        # Without unwinding: there may be no memory left to tidy up with.
        os._exit(EXIT_OUT_OF_MEMORY)


if __name__ == "__main__":
    main()
