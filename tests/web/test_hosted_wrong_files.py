"""A stored image whose file is not what was stored: refused, and told to operators once in a while."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import pictures
from tests.support.problems import problem_of
from tests.support.service import serving
from tests.support.sources import data_uri


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (Path.unlink, "a stored image has no file"),
        (lambda file: os.truncate(file, 20), "a stored image's file has the wrong size"),
    ],
    ids=["gone", "short"],
)
async def test_operators_are_told_once_which_image_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], object], message: str
) -> None:
    async with serving(tmp_path) as service:
        assert (await service.import_url(data_uri(pictures.png(40, 30)), image_id="pic")).status == 201
        spoil(tmp_path / "images" / "ana" / "pic.png")
        for _ in range(3):
            answer = await service.http.get("/v1/images/hosted/ana/pic")
            await problem_of(answer, status=503, code="storage_unavailable")
    (told,) = [record for record in caplog.records if record.message == message]
    assert (told.levelname, told.__dict__["user_id"], told.__dict__["image_id"]) == ("ERROR", "ana", "pic")
