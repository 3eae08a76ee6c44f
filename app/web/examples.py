"""Bodies to begin with, for `/openapi.json` and `/docs`; a test holds them to their models."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from app.web.bodies import (
    ChatBody,
    ForwardBody,
    GenerateBody,
    ImportBody,
    SignedUrlBody,
    TemporaryBody,
    TemporaryIdsBody,
    TokenBody,
)

_DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

BODIES: Mapping[type[BaseModel], Mapping[str, Any]] = {
    GenerateBody: {
        "user_id": "ana",
        "model": "black-forest-labs/flux-schnell",
        "input": {"prompt": "a lighthouse in a storm"},
        "wait": 60,
    },
    ForwardBody: {
        "user_id": "ana",
        "model": "fal-ai/flux/dev/image-to-image",
        "input": {"prompt": "the same lighthouse at night"},
        "imageUrl": "https://replicate.delivery/xezq/EXAMPLE/out-0.png",
    },
    ImportBody: {
        "user_id": "ana",
        "url": "https://replicate.delivery/xezq/EXAMPLE/out-0.png",
        "metadata": {"album": "lighthouses"},
    },
    SignedUrlBody: {"expires_in": 3600},
    TemporaryBody: {"user_id": "ana", "data_url": f"data:image/png;base64,{_DOT}"},
    TemporaryIdsBody: {"ids": ["0b6e4c1e-58cf-4a57-9f0e-5c3a1d9c2f10"]},
    TokenBody: {"user_id": "ana", "expires_in": 86400},
    ChatBody: {
        "user_id": "ana",
        "message": "What is in this picture?",
        "images": ["img_01kaq8z5x3r7v0m2n4p6t9w1ye"],
    },
}

FORM: Mapping[str, str] = {"user_id": "ana", "file": "@picture.png"}

CHAT_FORM: Mapping[str, str] = {
    "user_id": "ana",
    "message": "What is in this picture?",
    "images": "@picture.png",
}

ANSWER = """\
event: start
id: 1
data: {"stream_id":"str_01kaq8z5x3r7v0m2n4p6t9w1ye","session_id":"ses_01kaq8z5x3r7v0m2n4p6t9w1yf",\
"message_id":"msg_01kaq8z5x3r7v0m2n4p6t9w1yg"}

event: token
id: 2
data: {"content":"A lighthouse"}

: ping

event: token
id: 3
data: {"content":" in a storm."}

event: done
id: 4
data: {"total_duration":4883583458,"prompt_eval_count":26,"eval_count":6,"content_length":24,\
"model":"qwen3-vl:8b","done_reason":"stop","message_id":"msg_01kaq8z5x3r7v0m2n4p6t9w1yg"}

"""

PATHS: Mapping[str, str] = {
    "user": "ana",
    "image": "img_01kaq8z5x3r7v0m2n4p6t9w1ye.png",
    "generation": "gen_01kaq8z5x3r7v0m2n4p6t9w1ye",
    "session": "ses_01kaq8z5x3r7v0m2n4p6t9w1yf",
    "stream": "str_01kaq8z5x3r7v0m2n4p6t9w1ye",
    "file": "dashboard.js",
    "id": "0b6e4c1e-58cf-4a57-9f0e-5c3a1d9c2f10.png",
}
