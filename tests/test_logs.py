"""Every line is one JSON object, whoever speaks; and nothing that opens a door is in it."""

import asyncio
import io
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import logs

CANARY = "canary-7f3a9c51d2e8"
log = logging.getLogger("app.test")

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Log as the service does, but into memory; afterwards as pytest had it."""
    root, hooks = logging.getLogger(), (sys.excepthook, sys.unraisablehook, threading.excepthook)
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    stream = io.StringIO()
    logs.configure("debug", stream=stream, secrets=[CANARY, "dev"])
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.captureWarnings(capture=False)
    root.handlers = handlers
    root.setLevel(level)
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks


def test_a_line_says_how_bad_what_when_and_who(lines: Lines) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    log.warning("saved %d", 3, extra={"image": "img_1", "size": 7})
    (line,) = lines()
    assert datetime.fromisoformat(line.pop("time")) >= before
    assert line == {"level": "warn", "message": "saved 3", "logger": "app.test", "image": "img_1", "size": 7}


def test_the_time_is_rfc_3339_in_utc(lines: Lines) -> None:
    record = logging.makeLogRecord({"created": 0.25, "msg": "then", "levelno": logging.INFO})
    logging.getLogger().handle(record)
    assert lines()[0]["time"] == "1970-01-01T00:00:00.250Z"


@pytest.mark.parametrize(
    ("number", "word"), [(10, "debug"), (20, "info"), (25, "info"), (30, "warn"), (40, "error"), (50, "error")]
)
def test_every_level_has_one_of_four_names(lines: Lines, number: int, word: str) -> None:
    log.log(number, "x")
    assert lines()[0]["level"] == word


def test_what_is_below_the_level_is_not_written(lines: Lines) -> None:
    stream = io.StringIO()
    logs.configure("warn", stream=stream)
    log.info("x")
    assert stream.getvalue() == ""


def test_configuring_again_replaces_the_first(lines: Lines) -> None:
    stream = io.StringIO()
    logs.configure("info", stream=stream)
    log.info("x")
    assert (lines(), stream.getvalue().count("\n")) == ([], 1)


def test_the_request_is_named_while_it_is_answered(lines: Lines) -> None:
    token = logs.request_id.set("req-1")
    log.info("within")
    logs.request_id.reset(token)
    log.info("without")
    within, without = lines()
    assert (within["request_id"], "request_id" in without) == ("req-1", False)


def test_an_exception_stays_on_its_line(lines: Lines) -> None:
    log.error("failed\nbadly", exc_info=ValueError("first\nsecond"))
    (line,) = lines()
    assert line["message"] == "failed\nbadly"
    assert line["exception"].endswith("ValueError: first\nsecond")


def test_a_stack_stays_on_its_line(lines: Lines) -> None:
    log.info("here", stack_info=True)
    assert "test_a_stack_stays" in lines()[0]["stack"]


def test_an_extra_does_not_replace_what_every_line_has(lines: Lines) -> None:
    log.info("x", extra={"level": 3, "time": "noon"})
    (line,) = lines()
    assert (line["level"], line["level_"], line["time_"]) == ("info", 3, "noon")


# --- whoever speaks ---


def test_an_exception_in_a_thread_becomes_a_line(lines: Lines) -> None:
    thread = threading.Thread(target=[].pop)
    thread.start()
    thread.join()
    (line,) = lines()
    assert (line["level"], line["message"]) == ("error", "uncaught exception")
    assert "pop from empty list" in line["exception"]


def test_an_exception_in_a_finalizer_becomes_a_line(lines: Lines) -> None:
    class Broken:
        def __del__(self) -> None:
            raise ValueError("too late")

    Broken()
    (line,) = lines()
    assert "ValueError: too late" in line["exception"]


async def test_an_error_the_event_loop_could_raise_nowhere_becomes_a_line(lines: Lines) -> None:
    loop, logged = asyncio.get_running_loop(), asyncio.Event()

    def handler(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        logs.on_loop_error(loop, context)
        logged.set()

    loop.set_exception_handler(handler)
    loop.call_soon([].pop)
    await logged.wait()
    (line,) = (line for line in lines() if line["level"] == "error")
    assert "Exception in callback" in line["message"]
    assert "pop from empty list" in line["exception"]


PROGRAM = """
import threading, warnings
from app import logs
logs.configure("info")
warnings.warn("odd")
threading.Thread(target=lambda: 1 / 0).start()
{last}
"""


def run(last: str, *options: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, *options, "-c", PROGRAM.format(last=last)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_real_process_says_nothing_but_lines_on_standard_output() -> None:
    messages = run('raise SystemError("end\\nof it")')
    assert [line["level"] for line in messages] == ["warn", "error", "error"]
    assert "SystemError: end\nof it" in messages[2]["exception"]


def test_an_interrupted_process_says_so_in_a_word() -> None:
    assert run("raise KeyboardInterrupt")[-1]["message"] == "interrupted"


def test_importing_changes_nothing() -> None:
    hooks = "sys.excepthook is sys.__excepthook__ and not logging.root.hasHandlers()"
    program = f"import logging, sys, app.logs; sys.exit(not ({hooks}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[1], check=False)
    assert done.returncode == 0


# --- whatever they say ---


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")


LOOP: dict[str, Any] = {}
LOOP["again"] = LOOP


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Path("/data"), "/data"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (float("nan"), "nan"),
        (10**5000, "<int>"),
        (b"\xff", "b'\\xff'"),
        ("\ud800", "\ufffd"),
        (Hostile(), "<Hostile>"),
        ((1, {2: None}, True), [1, {"2": None}, True]),
        (LOOP, {"again": {"again": {"again": {"again": "..."}}}}),
        (list(range(1000)), list(range(50))),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_extra_of_any_kind_is_written(lines: Lines, value: object, written: object) -> None:
    log.info("x", extra={"it": value})
    assert lines()[0]["it"] == written


def test_arguments_that_do_not_fit_do_not_cost_the_line() -> None:
    record = logging.makeLogRecord({"msg": "%d images", "args": ("seven",), "levelno": 20})
    line = json.loads(logs._Formatter(logs.Mask()).format(record))
    assert line["message"] == "'%d images' with arguments that do not fit"


def test_a_huge_text_is_cut_in_the_middle(lines: Lines) -> None:
    log.info("%sb", "a" * 10_000)
    message = lines()[0]["message"]
    assert len(message) < 2_100
    assert "[of 10001 characters]" in message
    assert message.endswith("b")


def test_a_stream_that_is_gone_is_survived(lines: Lines) -> None:
    stream = io.StringIO()
    logs.configure("info", stream=stream)
    stream.close()
    log.info("x")


@given(st.text(st.characters()), st.dictionaries(st.text(st.characters()), st.text(st.characters())))
def test_any_text_makes_one_line_that_reads_back(message: str, extra: dict[str, str]) -> None:
    record = logging.makeLogRecord({"msg": message, "levelno": 20, "extra": extra})
    line = logs._Formatter(logs.Mask()).format(record)
    assert "\n" not in line
    assert line.isascii()
    assert json.loads(line)["level"] == "info"


# --- what must not be said ---


def test_a_known_secret_is_masked_wherever_it_is(lines: Lines) -> None:
    extra = {"a": [f"x{CANARY}x"], "b": {CANARY: 1}, "c": Path(CANARY), "d": CANARY.encode()}
    log.error("%s and %s", CANARY, CANARY * 2, extra=extra, exc_info=ValueError(CANARY))
    (line,) = lines()
    assert CANARY not in json.dumps(line)
    assert line["message"] == "[redacted] and [redacted][redacted]"
    assert line["a"] == ["x[redacted]x"]


def test_a_very_short_secret_is_left_alone_for_the_sake_of_all_other_words(lines: Lines) -> None:
    log.info("developers use dev")
    assert lines()[0]["message"] == "developers use dev"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("see https://a.example/b?sig=CANARY&x=1 there", "see https://a.example/b?[redacted] there"),
        ("HTTPS://a.example?x='CANARY'", "HTTPS://a.example?[redacted]"),
        ("https://a.example/b#CANARY", "https://a.example/b#[redacted]"),
        ("https://me:CANARY@a.example/b", "https://[redacted]@a.example/b"),
        ("postgresql://me:CANARY@a.example/b", "postgresql://[redacted]@a.example/b"),
        ('{"url":"http://a.example/?CANARY","n":1}', '{"url":"http://a.example/?[redacted]","n":1}'),
        ("b'GET /v1/a/b?sig=CANARY HTTP/1.1'", "b'GET /v1/a/b?[redacted] HTTP/1.1'"),
        ("data:image/png;base64,CANARY== ok", "data:image/png;base64,[redacted] ok"),
        ("DATA:,CANARY", "DATA:,[redacted]"),
        ("Authorization: Bearer CANARY", "Authorization: Bearer [redacted]"),
        ("https://a.example/b.png is fine?", "https://a.example/b.png is fine?"),
    ],
    ids=lambda text: text[:30],
)
def test_what_opens_a_door_is_masked_even_if_nobody_knew_it(text: str, masked: str) -> None:
    assert logs.Mask()(text.replace("CANARY", CANARY)) == masked


@pytest.mark.parametrize("position", range(63_980, 64_001, 4))
def test_half_a_secret_is_not_left_where_a_huge_text_is_cut(position: int) -> None:
    text = "-" * position + CANARY + "-" * 1_000
    assert "cana" not in logs.Mask([CANARY])(text)


@pytest.mark.parametrize(
    "text",
    ["data:", "://", "?a", "a", "bearer ", "http://a?", "data:a,", "?a=", "data:a;", "\ud800", CANARY[:-1]],
    ids=ascii,
)
def test_masking_takes_linear_time(text: str) -> None:
    begin = time.perf_counter()
    logs.Mask([CANARY])(text * 1_000_000)
    # Measured at under 50 ms; what backtracks over 64,000 characters takes minutes.
    assert time.perf_counter() - begin < 2
