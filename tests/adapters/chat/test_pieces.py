import json
from typing import Any

import pytest

from app.adapters.chat.pieces import SaidError, pieces_in
from app.domain.chat_models import AtWork, Finished, Said
from app.domain.errors import ModelFailed


def line(content: str | None = "Hello", **more: Any) -> bytes:
    message = {} if content is None else {"message": {"role": "assistant", "content": content}}
    return json.dumps({"model": "m", "done": False, **message, **more}, ensure_ascii=False).encode()


def test_content_is_said_as_it_is() -> None:
    assert pieces_in(line(" a\n\tb 🎈")) == [Said(" a\n\tb 🎈")]


@pytest.mark.parametrize(
    "thought",
    [line(""), line("", message={"role": "assistant", "thinking": "Hm"}), line("", message={"content": "", "x": 1})],
    ids=["nothing", "thinking", "tool calls"],
)
def test_a_line_without_text_is_a_sign_of_life(thought: bytes) -> None:
    assert pieces_in(thought) == [AtWork()]


def test_the_last_line_may_hold_text() -> None:
    assert pieces_in(line("end", done=True, done_reason="length")) == [Said("end"), Finished("length")]
    assert pieces_in(line(None, done=True)) == [Finished()]


def test_counters_are_whole_numbers_of_known_names() -> None:
    counted = {"eval_count": 7, "load_duration": 0, "total_duration": 1.5, "prompt_eval_count": True, "other": 3}
    more = {"eval_duration": 2**63, "prompt_eval_duration": -1}
    assert pieces_in(line("", done=True, **counted, **more)) == [Finished(None, {"eval_count": 7})]


@pytest.mark.parametrize(
    "reason", [7, "", "a\nb", "x" * 65, None], ids=["number", "empty", "two lines", "long", "null"]
)
def test_a_reason_that_is_no_word_is_none(reason: object) -> None:
    assert pieces_in(line("", done=True, done_reason=reason)) == [Finished()]


def test_half_a_character_is_replaced() -> None:
    assert pieces_in(b'{"message": {"content": "a\\ud83db"}}') == [Said("a?b")]


@pytest.mark.parametrize("error", ["out of memory", {"message": "no"}], ids=["text", "object"])
def test_an_error_ends_it(error: object) -> None:
    with pytest.raises(SaidError) as raised:
        pieces_in(json.dumps({"error": error}).encode())
    assert raised.value.error == error


@pytest.mark.parametrize(
    "garbage",
    [
        b"<html>",
        b"[]",
        b"7",
        b'{"message": {"content": "\xff"}}',
        b'{"message": {"content": 7}}',
        b'{"message": "Hello"}',
        b'{"done": false}',
        b'{"status": "pulling"}',
        b'data: {"message": {"content": "Hello"}}',
        b"[" * 100_000,
    ],
    ids=["HTML", "list", "number", "not UTF-8", "content", "message", "nothing", "other", "SSE", "deep"],
)
def test_garbage_is_a_failure(garbage: bytes) -> None:
    with pytest.raises(ModelFailed):
        pieces_in(garbage)
