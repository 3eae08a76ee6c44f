"""The rules that keep the house a house: each fails with the name of the file that breaks it."""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.domain.errors import AppError
from app.web.errors import STATUS

ROOT = Path(__file__).parent.parent
APP = ROOT / "app"
MODULES = sorted(APP.rglob("*.py"))

MAY_IMPORT = {
    "__init__": set(),
    "domain": set(),
    "background": set(),
    "logs": set(),
    "privileges": set(),
    "config": {"domain"},
    "services": {"domain"},
    "adapters": {"domain"},
    "web": {"domain", "services", "logs"},
    "fleet": {"adapters", "config"},
    "wiring": {"domain", "services", "adapters", "web", "config", "background", "logs", "fleet"},
    "cli": {"config", "wiring", "web", "logs", "privileges", "domain", "services", "fleet"},
    "__main__": {"cli"},
}
CORE = {"domain", "services"}
LONGEST = 300

Rule = Callable[[str, str], list[str]]

IMPORT_EVERYTHING = """
import logging, os, pkgutil, sys, threading

deeds = []

def watch(event, args):
    if event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        deeds.append((event, str(args[0])))
    if event in {"socket.bind", "socket.connect", "subprocess.Popen", "os.mkdir", "sqlite3.connect"}:
        deeds.append((event, str(args)))

sys.addaudithook(watch)
import app
for module in pkgutil.walk_packages(app.__path__, "app."):
    if ".migrations" not in module.name and module.name != "app.__main__":
        __import__(module.name)
assert not deeds, deeds
assert threading.active_count() == 1, threading.enumerate()
assert not logging.getLogger().handlers
"""


def imports(source: str) -> Iterator[str]:
    """Yield the full name of everything *source* imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(path: str) -> str:
    return path.split("/", maxsplit=1)[0].removesuffix(".py")


def upward_imports(path: str, source: str) -> list[str]:
    """Return what is wrong with the imports of a module; *path* is below `app`."""
    allowed = MAY_IMPORT[layer(path)] | {layer(path)}
    targets = ((name, name.split(".")[1]) for name in imports(source) if name.startswith("app."))
    return [f"{path} imports {name}" for name, target in targets if target in MAY_IMPORT and target not in allowed]


def foreign_imports(path: str, source: str) -> list[str]:
    """Return the libraries a module of the core imports, which should need none."""
    if layer(path) not in CORE:
        return []
    names = {name.split(".")[0] for name in imports(source)}
    return [f"{path} imports {name}" for name in sorted(names - sys.stdlib_module_names - {"app"})]


def neighbour_imports(path: str, source: str) -> list[str]:
    """Return what an adapter imports of another adapter's folder."""
    if layer(path) != "adapters":
        return []
    own = "app.adapters." + path.split("/")[1]
    others = (
        name for name in imports(source) if name.startswith("app.adapters.") and not f"{name}.".startswith(f"{own}.")
    )
    return [f"{path} imports {name}" for name in others]


@pytest.mark.parametrize("rule", [upward_imports, foreign_imports, neighbour_imports])
def test_no_module_breaks_a_rule_of_imports(rule: Rule) -> None:
    wrong = [breach for path in MODULES for breach in rule(path.relative_to(APP).as_posix(), path.read_text())]

    assert wrong == []


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [
        (upward_imports, "services/images.py", "from app.adapters.blobs.volume import VolumeBlobStore"),
        (upward_imports, "services/images.py", "from app import logs"),
        (upward_imports, "domain/images.py", "import app.services.capture"),
        (upward_imports, "adapters/blobs/volume.py", "def late():\n    from app.config import Settings"),
        (upward_imports, "web/errors.py", "from app.wiring import wired"),
        (upward_imports, "wiring/graph.py", "import app.cli"),
        (foreign_imports, "domain/images.py", "import aiohttp.web"),
        (foreign_imports, "services/images.py", "from PIL import Image"),
        (neighbour_imports, "adapters/blobs/volume.py", "from app.adapters.catalog import rows"),
    ],
)
def test_a_planted_breach_is_found(rule: Rule, path: str, source: str) -> None:
    assert len(rule(path, source)) == 1


def test_every_layer_is_named() -> None:
    assert {layer(path.relative_to(APP).as_posix()) for path in MODULES} == set(MAY_IMPORT)


def test_no_file_grows_past_its_limit() -> None:
    files = (path for folder in ("app", "devkit", "tests") for path in (ROOT / folder).rglob("*.py"))
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in files}

    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def refusals(of: type[AppError] = AppError) -> Iterator[type[AppError]]:
    yield of
    for kind in of.__subclasses__():
        yield from refusals(kind)


def test_every_refusal_has_a_status() -> None:
    ours = {kind for kind in refusals() if kind.__module__.startswith("app.")}

    assert ours == set(STATUS)


def test_every_code_is_one_snake_case_word_of_its_own() -> None:
    codes = [kind.code for kind in refusals() if kind.__module__.startswith("app.")]
    shared = {code for code in codes if codes.count(code) > 1}

    assert all(code.isidentifier() and code == code.lower() for code in codes)
    assert shared == {"generation_failed", "model_failed"}  # several ways to fail, one meaning


def test_importing_the_app_does_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", IMPORT_EVERYTHING],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
