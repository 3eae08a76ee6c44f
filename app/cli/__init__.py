"""`python -m app COMMAND`: serving, and every task of an operator."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine, Sequence
from importlib import import_module
from typing import Any

from app import __version__, logs, privileges
from app.cli import arguments as parsed
from app.config import ConfigError, Settings
from app.domain.errors import AppError
from app.fleet.addresses import CannotListen
from app.fleet.seat import Seat

log = logging.getLogger(__name__)

_OK, _FAILED, _MISUSED, _MISCONFIGURED = 0, 1, 2, 78

_SUPERVISOR = 0
_SUPERVISE = "supervising.supervise"

Command = Callable[[Settings, argparse.Namespace], Coroutine[Any, Any, bool]]


def main(arguments: Sequence[str]) -> int:
    """Run the command line; return its exit code: 0 only when all is well, 78 when the settings are wrong."""
    # Before anything else: the first line is a JSON object too.  `serve` speaks to machines, the rest to people.
    options = _parser().parse_args(arguments)
    stream = sys.stdout if options.command == "serve" else sys.stderr
    logs.configure("info", stream=stream)
    try:
        settings = _settings(options)
        worker = _worker(options, settings)
        logs.configure(settings.log_level, stream=stream, secrets=settings.secrets, worker=worker)
        if options.seat is not None:
            logs.take_turns(options.seat.turns)
        if settings.drop_to_uid is not None:
            privileges.drop_privileges(settings.data_dir, uid=settings.drop_to_uid)
        is_well = asyncio.run(_command(options.run if worker != _SUPERVISOR else _SUPERVISE)(settings, options))
    except ConfigError as error:
        log.error("not started: %s", error)  # noqa: TRY400 (what is wrong is in the message)
        return _MISCONFIGURED
    except CannotListen as error:
        log.error("not started: %s", error)  # noqa: TRY400 (what is wrong is in the message)
        return _FAILED
    except AppError as refusal:
        log.error("%s: %s", refusal.code, refusal.detail)  # noqa: TRY400 (a refusal, not a bug)
        return _FAILED
    except KeyboardInterrupt:
        return _FAILED
    return _OK if is_well else _FAILED


def _settings(options: argparse.Namespace) -> Settings:
    if options.seat is not None:
        options.seat.take()
        # The supervisor has read `.env`, and all of its processes go by that.
        return Settings.from_env(dotenv=None)
    settings = Settings.from_env()
    return settings if options.workers is None else settings.model_copy(update={"workers": options.workers})


def _worker(options: argparse.Namespace, settings: Settings) -> int | None:
    """Return the number of this process, if there are several."""
    if options.seat is not None:
        return int(options.seat.number)
    return _SUPERVISOR if options.command == "serve" and settings.workers > 1 else None


def _command(path: str) -> Command:
    """Return the function `module.name`; loaded only now, for the supervisor needs little of what the others do."""
    module, name = path.split(".")
    command: Command = getattr(import_module(f"app.cli.{module}"), name)
    return command


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app",
        description="Holdfast keeps AI-generated images. Settings come from the environment and .env.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    wanted = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    parser.set_defaults(seat=None, workers=None)
    serving = _add(wanted, "serve", "answer requests until SIGTERM", "serving.serve")
    serving.add_argument("--workers", type=parsed.workers, metavar="N", help="how many processes; default: $WORKERS")
    serving.add_argument("--seat", type=Seat.parse, help=argparse.SUPPRESS)
    cleanup = _add(wanted, "cleanup", "remove what the retention policy no longer keeps", "commands.cleanup")
    cleanup.add_argument("--dry-run", action="store_true", help="only say what would go, and why")
    cleanup.add_argument("--confirm-clock", action="store_true", help="the time is right, although it jumped")
    importing = _add(wanted, "import", "host the image at an expiring URL", "commands.import_image")
    importing.add_argument("url")
    importing.add_argument("--user", type=parsed.user, required=True, help="the owner")
    token = _add(wanted, "token", "make a user token for a device", "commands.token")
    token.add_argument("--user", type=parsed.user, required=True, help="the owner")
    token.add_argument("--expires-in", type=parsed.lifetime, default="86400", metavar="SECONDS", help="default: a day")
    webhook = _add(wanted, "webhook-url", "the address for jobs an app starts itself", "commands.webhook_url")
    webhook.add_argument("--user", type=parsed.user, required=True, help="the owner")
    webhook.add_argument("--provider", choices=("replicate", "fal"), default="replicate", help="whose jobs they are")
    verify = _add(wanted, "verify", "hold catalog, files and conversations against each other", "upkeep.verify")
    verify.add_argument("--repair", action="store_true", help="put right what differs")
    verify.add_argument(
        "--read-data", nargs="?", const="1/1", metavar="N/M", help="also read the bytes: all, or part N of M"
    )
    backup = _add(wanted, "backup", "copy catalog and images into a folder", "upkeep.backup")
    backup.add_argument("folder")
    _add(wanted, "stats", "count images, bytes and captures", "commands.stats")
    _add(wanted, "migrate", "bring the catalog's schema up to date", "commands.migrate")
    return parser


def _add(
    wanted: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, words: str, run: str
) -> argparse.ArgumentParser:
    command = wanted.add_parser(name, help=words, description=words.capitalize() + ".")
    command.set_defaults(run=run)
    if name != "serve":
        command.add_argument("--json", action="store_true", help="answer for machines")
    return command
