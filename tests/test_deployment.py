"""The image and the platform's files keep the rules that nothing here could build and try."""

import json
import os
import re
import runpy
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from app.config import Settings

ROOT = Path(__file__).parents[1]
DOCKERFILE = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", (ROOT / "Dockerfile").read_text()))
INSTRUCTIONS = [(line.split()[0], line.split(maxsplit=1)[1]) for line in DOCKERFILE.splitlines() if line.strip()]


def told(name: str) -> list[str]:
    return [text for instruction, text in INSTRUCTIONS if instruction == name]


def environment() -> dict[str, str]:
    pairs = (pair.split("=", 1) for text in told("ENV") for pair in text.split())
    return {name: value for name, value in pairs if name != "PATH"}


def copied() -> set[str]:
    """Return what the image takes from this repository, with HEIC and without."""
    (choice,) = told("ARG")
    locks = {choice.removeprefix("REQUIREMENTS="), "requirements.lock"}
    found = {text.split()[0] for text in told("COPY") if not text.startswith("--from")}
    return found - {"$REQUIREMENTS"} | locks


# --- the image ---


@pytest.mark.parametrize("refused", ["VOLUME", "ADD", "ONBUILD"])
def test_the_image_uses_nothing_the_platform_refuses(refused: str) -> None:
    assert told(refused) == []


def test_the_image_mounts_no_caches() -> None:
    assert "--mount" not in DOCKERFILE


def test_the_image_begins_as_root_and_hands_over_itself() -> None:
    assert told("USER") == []
    assert Settings.from_env(environment(), dotenv=None).drop_to_uid == 10001


@pytest.mark.parametrize("name", ["ENTRYPOINT", "CMD", "RUN"])
def test_the_image_needs_no_shell(name: str) -> None:
    assert all(all(isinstance(word, str) for word in json.loads(text)) for text in told(name))


def test_the_program_is_the_first_process_so_that_signals_reach_it() -> None:
    assert json.loads(*told("ENTRYPOINT")) + json.loads(*told("CMD")) == ["python", "-m", "app", "serve"]


def test_dependencies_are_installed_by_hash_and_never_compiled() -> None:
    (install,) = (json.loads(text) for text in told("RUN") if "install" in text)
    assert {"--require-hashes", "--only-binary=:all:", "/build/requirements.lock"} <= set(install)


def test_the_image_keeps_images_where_the_volume_will_be() -> None:
    assert Settings.from_env(environment(), dotenv=None).data_dir == Path("/data")


def test_both_stages_are_the_same_python_and_one_we_support() -> None:
    bases = {text.split()[0] for text in told("FROM")}
    (version,) = (re.fullmatch(r"python:3\.(\d+)-slim", base) for base in bases)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert version is not None
    assert int(version[1]) >= int(project["requires-python"].removeprefix(">=3."))


def test_what_is_copied_exists() -> None:
    assert [path for path in copied() if not (ROOT / path).exists()] == []


def test_nothing_enters_the_image_but_what_is_copied() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied()
    assert rules[-1] == "**/__pycache__"


@contextmanager
def answering(status: int) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/livez" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def health(port: int) -> int:
    (check,) = told("HEALTHCHECK")
    command = json.loads(check[check.index("[") :])
    environ = {**os.environ, "PORT": str(port), "http_proxy": "http://127.0.0.1:1"}
    return subprocess.run([sys.executable, *command[1:]], env=environ, capture_output=True, check=False).returncode


@pytest.mark.parametrize(("status", "verdict"), [(200, 0), (503, 1)], ids=["alive", "not well"])
def test_the_health_check_asks_whether_we_are_alive(status: int, verdict: int) -> None:
    with answering(status) as port:
        assert health(port) == verdict


def test_the_health_check_fails_when_nobody_answers() -> None:
    with answering(200) as port:
        pass
    assert health(port) == 1


# --- Railway, in both its ways ---


class Recorder(ModuleType):
    """Stands for `railway_sdk`: what is declared comes back as it was said."""

    @staticmethod
    def define_railway(function: Any) -> Any:
        return function

    @staticmethod
    def project(name: str, **told: Any) -> dict[str, Any]:
        return {"name": name, **told}

    service = volume = project

    @staticmethod
    def github(repository: str) -> str:
        return f"github:{repository}"

    @staticmethod
    def preserve() -> None:
        return None


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the service that `.railway/railway.py` declares."""
    monkeypatch.setitem(sys.modules, "railway_sdk", Recorder("railway_sdk"))
    project = runpy.run_path(str(ROOT / ".railway" / "railway.py"))["main"]()
    web, images = project["resources"]
    assert web["volumeMounts"] == {"/data": images}
    return dict(web)


@pytest.fixture
def legacy() -> dict[str, Any]:
    return tomllib.loads((ROOT / "railway.toml").read_text())


def test_both_files_say_the_same(declared: dict[str, Any], legacy: dict[str, Any]) -> None:
    deploy = {
        **declared["deploy"],
        "healthcheckPath": declared["healthcheck"],
        "healthcheckTimeout": declared["healthcheckTimeout"],
    }
    assert (declared["build"], deploy) == (legacy["build"], legacy["deploy"])


def test_the_platform_waits_longer_than_we_take_to_stop(legacy: dict[str, Any]) -> None:
    grace = Settings.from_env({}, dotenv=None).shutdown_grace
    assert timedelta(seconds=legacy["deploy"]["drainingSeconds"]) > grace


def test_the_volume_is_required_where_the_image_keeps_its_data(legacy: dict[str, Any]) -> None:
    assert legacy["deploy"]["requiredMountPath"] == environment()["RAILWAY_VOLUME_MOUNT_PATH"]


def test_two_containers_never_share_the_volume(declared: dict[str, Any]) -> None:
    assert (declared["replicas"], declared["deploy"]["overlapSeconds"]) == (1, 0)


def test_a_new_version_takes_traffic_only_once_it_is_ready(legacy: dict[str, Any]) -> None:
    assert legacy["deploy"]["healthcheckPath"] == "/readyz"
    assert legacy["deploy"]["restartPolicyType"] == "ALWAYS"


def test_every_variable_given_to_the_platform_is_a_setting(declared: dict[str, Any]) -> None:
    known = {field.alias for field in Settings.model_fields.values()}
    assert set(declared["env"]) <= known


def test_no_secret_is_written_into_the_file(declared: dict[str, Any]) -> None:
    assert {name: value for name, value in declared["env"].items() if value is not None} == {
        "CLIENT_ADDRESS_HEADER": "X-Real-IP"
    }


# --- the operator's page ---


_OF_OTHERS = {"OLLAMA_NUM_PARALLEL"}
"""What other programs read, and operators have to know of."""


def test_the_page_for_operators_names_only_settings_that_exist() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    known = {field.alias for field in Settings.model_fields.values()}
    named = set(re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)[`=]", page))
    assert len(named) > 10
    assert {name for name in named - known - _OF_OTHERS if not name.startswith("RAILWAY_")} == set()
