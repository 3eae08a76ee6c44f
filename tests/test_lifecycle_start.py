"""Starting: soon ready, on the right addresses, alone on its volume, and every line of the log JSON."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from app.config import Settings
from app.domain.errors import StorageUnavailable
from app.wiring import running, wired
from tests.support.command import environment_of, run
from tests.support.processes import service_process
from tests.support.service import environment, serving

KEY = "a-service-key-of-some-length"


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


async def test_it_is_ready_within_seconds_and_says_everything_in_json(tmp_path: Path) -> None:
    begun = time.monotonic()
    # Development mode turns on every warning Python has, those of the interpreter's end included.
    settings = environment_of(tmp_path, {"PORT": "0", "PYTHONDEVMODE": "1", "LOG_LEVEL": "debug"})
    async with service_process(settings, tmp_path / "log") as server:
        assert (await server.http.get("/readyz")).status == 200
        assert time.monotonic() - begun < 10
    found = lines(tmp_path / "log")
    assert server.process.returncode == 0
    assert all({"level", "message", "time", "logger"} <= line.keys() for line in found)
    assert [line for line in found if line["level"] == "error"] == []
    assert found[-1]["message"] == "stopped"


async def test_a_quiet_start_says_only_what_matters(tmp_path: Path) -> None:
    for _ in range(2):
        async with service_process(environment_of(tmp_path, {"PORT": "0"}), tmp_path / "log"):
            pass
    loggers = [line["logger"] for line in lines(tmp_path / "log")]
    assert not [name for name in loggers if name.startswith("alembic")]


async def test_warnings_of_the_settings_are_said_at_start(tmp_path: Path) -> None:
    settings = environment_of(tmp_path, {"PORT": "0", "ALLOW_PRIVATE_SOURCES": "true"})
    async with service_process(settings, tmp_path / "log"):
        pass
    (warning,) = [line for line in lines(tmp_path / "log") if line["level"] == "warn"]
    assert "ALLOW_PRIVATE_SOURCES" in warning["message"]


async def test_with_keys_it_answers_on_both_families_at_one_port(tmp_path: Path) -> None:
    async with serving(tmp_path, API_KEYS=KEY) as service:
        port = service.url.rpartition(":")[2]
        async with ClientSession() as http:
            for host in ("127.0.0.1", "[::1]"):
                assert (await http.get(f"http://{host}:{port}/livez")).status == 200


@pytest.mark.parametrize(("host", "shown"), [("::1", "[::1]"), ("127.0.0.1", "127.0.0.1"), ("localhost", "localhost")])
async def test_it_binds_where_it_is_told(
    tmp_path: Path, host: str, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with serving(tmp_path, HOST=host) as service, ClientSession() as http:
        port = service.url.rpartition(":")[2]
        assert (await http.get(f"http://{shown}:{port}/livez")).status == 200
    assert f"listening on http://{shown}:{port}" in caplog.messages


@pytest.mark.parametrize("host", [".".join("0000"), "::"])
def test_without_keys_it_starts_on_no_other_address(tmp_path: Path, host: str) -> None:
    done = run(tmp_path, "serve", HOST=host)
    assert done.code == 78
    assert "API_KEYS" in json.loads(done.out)["message"]


async def test_a_taken_port_is_a_message_and_no_trace(tmp_path: Path) -> None:
    async with serving(tmp_path / "first") as service:
        port = service.url.rpartition(":")[2]
        (tmp_path / "second").mkdir()
        done = await asyncio.to_thread(run, tmp_path / "second", "serve", PORT=port)
    last = json.loads(done.out.splitlines()[-1])
    assert done.code == 1
    assert last["message"].startswith("not started: ")
    assert "in use" in last["message"]
    assert "exception" not in done.out


async def test_a_second_instance_waits_and_then_says_why_it_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("app.wiring.lifecycle._TAKEOVER_PATIENCE_SECONDS", 0.1)
    settings = Settings.from_env(environment(tmp_path), dotenv=None)
    async with serving(tmp_path), wired(settings) as second:
        with pytest.raises(StorageUnavailable, match="Another instance is using"):
            async with running(second):
                raise AssertionError("two instances on one volume")
    assert [record.message for record in caplog.records if "waiting for the volume" in record.message]


async def test_the_next_instance_takes_over_as_soon_as_the_first_ends(tmp_path: Path) -> None:
    settings = Settings.from_env(environment(tmp_path), dotenv=None)
    async with wired(settings) as second:
        async with serving(tmp_path):
            starting = asyncio.create_task(_started(second))
            await asyncio.sleep(0.05)
            assert not starting.done()
        async with asyncio.timeout(5):
            await starting


async def _started(holdfast: Any) -> None:
    async with running(holdfast):
        pass
