"""Finds the files in what a model at fal put out.

A file is an object with a `url`, whatever else it says of itself; a model that makes no such objects may put out bare
addresses.  Pictures come first, so that a film beside them does not take the place of the first image.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from app.adapters.providers.outputs import MOST_FILES, files_in

_DEEPEST = 16
_OTHER_MEDIA = ("video/", "audio/", "text/", "model/", "application/json", "application/zip", "application/pdf")
_OTHER_SUFFIXES = frozenset(
    {
        *(".mp4", ".webm", ".mov", ".mkv", ".avi", ".m4v", ".mp3", ".wav", ".ogg", ".flac", ".m4a"),
        *(".glb", ".gltf", ".obj", ".fbx", ".ply", ".usdz"),
        *(".zip", ".json", ".txt", ".srt", ".pdf", ".safetensors"),
    }
)


@dataclass(frozen=True, slots=True)
class _File:
    url: str
    content_type: str

    @property
    def is_picture(self) -> bool:
        """Whether it may be one: labels are often wrong or missing, so it is one unless something says otherwise."""
        if self.content_type.startswith("image/"):
            return True
        return not self.content_type.startswith(_OTHER_MEDIA) and _suffix(self.url) not in _OTHER_SUFFIXES


def outputs_in(result: object, *, allow_http: bool) -> tuple[str, ...]:
    """Return the address of every file in *result*: pictures in order, then all other media in order."""
    found = [file for file in _files(result, depth=0) if _is_address(file.url, allow_http=allow_http)]
    if not found:
        bare = files_in(result, allow_http=allow_http)
        found = [_File(text, "") for text in bare if _is_address(text, allow_http=allow_http)]
    found = found[:MOST_FILES]
    # Sorting keeps the order within each kind, and an output's index stays the same whoever brings the result.
    return tuple(file.url for file in sorted(found, key=lambda file: not file.is_picture))


def _files(value: object, *, depth: int) -> Iterator[_File]:
    if isinstance(value, Mapping) and isinstance(url := value.get("url"), str):
        label = value.get("content_type")
        yield _File(url, label.lower() if isinstance(label, str) else "")
    elif depth < _DEEPEST and isinstance(value, Mapping | list):
        for child in value.values() if isinstance(value, Mapping) else value:
            yield from _files(child, depth=depth + 1)


def _is_address(text: str, *, allow_http: bool) -> bool:
    """Whether *text* is an address alone: a prompt that begins with one goes on."""
    if text.startswith("data:"):
        return True
    return text.startswith(("https:", "http:") if allow_http else "https:") and not any(map(str.isspace, text))


def _suffix(url: str) -> str:
    if url.startswith("data:"):
        return ""
    try:
        return PurePosixPath(urlsplit(url).path).suffix.lower()
    except ValueError:
        return ""
