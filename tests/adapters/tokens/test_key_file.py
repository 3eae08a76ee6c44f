"""A signing key of our own: made once, whole from its first moment, and nobody else's to read."""

import errno
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.adapters.tokens.keyfile import load_or_make_key
from app.domain.errors import StorageUnavailable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "signing-key"


def make(path: Path) -> bytes:
    return load_or_make_key(path, secrets.token_bytes)


def refusing(number: int) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


def test_a_key_is_made_once(path: Path) -> None:
    key = make(path)

    assert len(key) == 32
    assert make(path) == key


def test_every_key_is_another(tmp_path: Path) -> None:
    assert make(tmp_path / "one") != make(tmp_path / "two")


def test_only_its_owner_can_read_it_whatever_the_mask(path: Path) -> None:
    before = os.umask(0)
    try:
        make(path)
    finally:
        os.umask(before)

    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_lies_beside_it(path: Path) -> None:
    make(path)

    assert [file.name for file in path.parent.iterdir()] == ["signing-key"]


@pytest.mark.parametrize("content", [b"", b"half a key"], ids=["empty", "cut short"])
def test_what_a_crash_cut_short_is_never_signed_with(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)

    key = make(path)

    assert len(key) == 32
    assert make(path) == key


def test_a_longer_key_put_there_by_hand_is_used(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"x" * 40)

    assert make(path) == b"x" * 40


@pytest.mark.parametrize("call", ["fsync", "link"])
def test_a_crash_while_it_is_made_leaves_no_key_under_its_name(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(os, call, crash)
        with pytest.raises(KeyboardInterrupt):
            make(path)

    assert not path.exists()
    assert len(make(path)) == 32


def test_a_volume_without_hard_links_will_do(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", refusing(errno.EPERM))

    key = make(path)

    assert make(path) == key
    assert [file.name for file in path.parent.iterdir()] == ["signing-key"]


def test_those_who_make_it_at_once_have_the_same_key(path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(make, [path] * 16))

    assert keys == {path.read_bytes()}


@pytest.mark.parametrize("call", ["open", "fsync"])
def test_a_key_that_cannot_be_written_is_a_refusal(path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path.parent.mkdir()
    monkeypatch.setattr(os, call, refusing(errno.EROFS))

    with pytest.raises(StorageUnavailable):
        make(path)


def test_a_folder_that_cannot_be_made_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")

    with pytest.raises(StorageUnavailable):
        make(tmp_path / "data" / "signing-key")
