"""The other commands: what they print for people and for machines, and their exit codes."""

import base64
import json
from pathlib import Path

import pytest

from app import __version__
from app.cli import main
from tests.support.command import environment_of, run
from tests.support.pictures import png
from tests.support.processes import service_process
from tests.support.still import PICTURE, host, promise, still

DATA = f"data:image/png;base64,{base64.b64encode(png()).decode()}"
COMMANDS = ("serve", "cleanup", "import", "token", "verify", "backup", "stats", "migrate")


async def test_stats_count_what_is_there(tmp_path: Path) -> None:
    async with still(tmp_path) as service:
        await host(service)
        await host(service, user="bob")
        await promise(service, "later")
    done = run(tmp_path, "stats", "--json")
    found = done.json()
    assert done.code == 0
    assert (found["images"], found["bytes"], found["users"], found["captures_open"]) == (2, 2 * len(PICTURE), 2, 1)
    assert 0 < found["volume_free_bytes"] <= found["volume_total_bytes"]
    assert "images: 2\n" in run(tmp_path, "stats").out


def test_migrating_is_said_once(tmp_path: Path) -> None:
    first, second = run(tmp_path, "migrate", "--json"), run(tmp_path, "migrate")
    assert (first.code, first.json()) == (0, {"status": "up_to_date"})
    assert any(line["message"].startswith("Running upgrade") for line in first.log)
    assert (second.code, second.err) == (0, "")
    assert second.out == "the catalog is up to date\n"


async def test_a_token_from_the_command_line_opens_the_server(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = {"API_KEYS": "a-service-key-of-some-length", "PORT": "0"}
    made = run(tmp_path, "token", "--user", "ana", "--expires-in", "600", "--json", **settings)
    plain = run(tmp_path, "token", "--user", "ana", **settings).out.strip()
    assert made.code == 0
    assert made.json().keys() == {"token", "user_id", "expires_at"}
    log = tmp_path_factory.mktemp("log") / "log"
    async with service_process(environment_of(tmp_path, settings), log) as server:
        for token in (made.json()["token"], plain):
            headers = {"Authorization": f"Bearer {token}"}
            assert (await server.http.get("/v1/users/ana/usage", headers=headers)).status == 200
            assert (await server.http.get("/v1/users/bob/usage", headers=headers)).status == 404


async def test_an_import_is_hosted_and_the_server_serves_it(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = run(tmp_path, "import", DATA, "--user", "ana", "--json")
    assert (before.code, before.json()["status"]) == (0, "stored")
    log = tmp_path_factory.mktemp("log") / "log"
    async with service_process(environment_of(tmp_path, {"PORT": "0"}), log) as server:
        assert await (await server.http.get(before.json()["url"])).read() == png()
        beside = run(tmp_path, "import", DATA, "--user", "bob", PUBLIC_BASE_URL="https://images.example.com")
        assert beside.code == 0
        url = beside.out.removeprefix("stored: https://images.example.com").strip()
        assert await (await server.http.get(url)).read() == png()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://10.0.0.1/x.png", "source_not_allowed"),
        ("data:image/png;base64,iVBORw0KGgo=", "source_rejected"),
    ],
)
def test_an_import_that_is_refused_says_why(tmp_path: Path, url: str, code: str) -> None:
    done = run(tmp_path, "import", url, "--user", "ana", ALLOW_PRIVATE_SOURCES="false")
    assert (done.code, done.out) == (1, "")
    assert done.log[-1]["message"].startswith(f"{code}: ")
    assert "exception" not in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["token"],
        ["token", "--user", "a/b"],
        ["token", "--user", "ana", "--expires-in", "0"],
        ["token", "--user", "ana", "--expires-in", "99999999999999999999"],
        ["token", "--user", "ana", "--expires-in", "1.5"],
        ["import", "--user", "ana"],
        ["import", "https://x", "--user", ".."],
        ["cleanup", "--force"],
        ["serve", "--json"],
    ],
    ids=" ".join,
)
def test_misuse_is_2_and_touches_nothing(
    tmp_path: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert said.err.startswith("usage: python -m app")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("argument", "words"), [("--help", COMMANDS), ("--version", (__version__,))])
def test_help_names_every_command_and_the_version_is_told(
    argument: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([argument])
    assert ended.value.code == 0
    assert set(words) <= set(capsys.readouterr().out.split())


@pytest.mark.parametrize("command", ["serve", "stats"])
def test_every_wrong_setting_is_named_at_once_without_its_value(tmp_path: Path, command: str) -> None:
    wrong = {"PORT": "canary", "IMAGE_MAX_AGE_DAYS": "canary", "HOST": "192.0.2.1", "LOG_LEVEL": "canary"}
    done = run(tmp_path, command, **wrong)
    lines = [json.loads(line) for line in (done.out + done.err).splitlines()]
    assert done.code == 78
    assert [line["level"] for line in lines] == ["error"]
    assert all(name in lines[0]["message"] for name in wrong)
    assert "canary" not in done.out + done.err


def test_a_store_that_cannot_be_opened_is_a_refusal_and_no_trace(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("a file where the folder should be")
    done = run(tmp_path, "stats")
    assert done.code == 1
    assert done.log[-1]["message"].startswith("storage_unavailable: ")
    assert "exception" not in done.err
