"""The process that looks into pictures and renders them, started by a pool: `python -m app.adapters.imaging.worker …`.

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
from typing import Any, BinaryIO

from PIL.Image import Image

from app.adapters.imaging import heif, heif_decoding, sandbox, sniff
from app.adapters.imaging.cleaning import pieces
from app.adapters.imaging.cleaning.clean import clean
from app.adapters.imaging.decode import decode, prepare
from app.adapters.imaging.outline import Limits
from app.adapters.imaging.protocol import EXIT_OUT_OF_MEMORY, LENGTH_SIZE, Message, pack, parse, parse_length
from app.adapters.imaging.render import render, small_copy
from app.adapters.imaging.room import Room
from app.adapters.imaging.thumbhash import thumbhash
from app.domain.errors import SourceRejected
from app.domain.images import CONTENT_TYPES
from app.domain.variants import Rendering

_EXTENSIONS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "GIF": "gif", "AVIF": "avif"}

Answer = tuple[Any, bytes]
"""What a reply holds, and the picture that follows it."""

Operation = Callable[[Message], Answer]


def inspect(path: Path, limits: Limits, copy: Rendering | None = None) -> tuple[Message, bytes | None]:
    """Return the fields of `ImageFacts` for the picture at *path*, and *copy* of it where that was wanted and made.

    Raise `SourceRejected` or `OSError`.  The file is read once, so that what was walked is what is decoded, and so
    that a failing disk is told from a damaged picture.
    """
    data = path.read_bytes()
    outline = sniff.walk(data, limits)
    made: bytes | None = None

    def on_first(picture: Image, orientation: int) -> None:
        nonlocal made
        if copy is not None and outline.frames == 1:
            made = small_copy(picture, orientation, copy)

    decoded = decode(data, outline, on_first=on_first)
    sample = decoded.sample
    extension = _EXTENSIONS[outline.format]
    facts = {
        "content_type": CONTENT_TYPES[extension],
        "extension": extension,
        "width": decoded.width,
        "height": decoded.height,
        "frames": outline.frames,
        "thumbhash": b64encode(thumbhash(sample.width, sample.height, sample.rgba)).decode(),
    }
    return facts, made


def kept(data: bytes, limits: Limits) -> Answer:
    """Return what an upload is and which pieces of it stay; what cannot stay as it came follows as a PNG."""
    found = sniff.format_of(data)
    if found == sniff.HEIF:
        return {"content_type": heif.CONTENT_TYPE, "pieces": []}, heif_decoding.to_png(data, limits)
    remains = pieces.to_json(clean(data, limits))
    return {"content_type": CONTENT_TYPES[_EXTENSIONS[found]], "pieces": remains}, b""


def operations(limits: Limits, room: Room) -> dict[str, Operation]:
    """Return what can be asked of this process, by the name in a request's `"op"`."""

    def look(request: Message) -> Answer:
        copy = Rendering(**request["copy"]) if "copy" in request else None
        facts, made = inspect(Path(request["path"]), limits, copy)
        return facts, made or b""

    def make(request: Message) -> Answer:
        return None, render(Path(request["path"]).read_bytes(), Rendering(**request["rendering"]), room)

    def strip(request: Message) -> Answer:
        return kept(Path(request["path"]).read_bytes(), limits)

    return {"inspect": look, "render": make, "clean": strip}


def answer(request: Message, known: dict[str, Operation]) -> tuple[Message, bytes]:
    """Return the reply to *request*; `MemoryError` passes, for no reply can be trusted after it."""
    try:
        result, payload = known[request["op"]](request)
    except SourceRejected as exc:
        return {"refused": {"reason": exc.reason, "detail": exc.detail}}, b""
    except OSError as exc:
        return {"unreadable": str(exc)}, b""
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a bug is told to the pool, which raises it where it is logged
        return {"bug": traceback.format_exc()}, b""
    return {"result": result}, payload


def serve(requests: BinaryIO, replies: BinaryIO, known: dict[str, Operation]) -> None:
    """Answer until the requests end."""
    _send(replies, {"result": "ready"})
    while prefix := requests.read(LENGTH_SIZE):
        request = parse(requests.read(parse_length(prefix)))
        _send(replies, *answer(request, known))


def _send(replies: BinaryIO, message: Message, payload: bytes = b"") -> None:
    replies.write(pack(message, payload))
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
    sandbox.enter(**settings["sandbox"])
    room = Room(settings["sandbox"]["memory_limit"])
    replies = _private_output()
    try:
        serve(sys.stdin.buffer, replies, operations(limits, room))
    except MemoryError:
        # Without unwinding: there may be no memory left to tidy up with.
        os._exit(EXIT_OUT_OF_MEMORY)


if __name__ == "__main__":
    main()
