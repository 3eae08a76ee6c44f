"""Bodies to begin with, for `/openapi.json` and `/docs`; a test holds them to their models."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from app.web.bodies import GenerateBody, ImportBody, SignedUrlBody, TokenBody

BODIES: Mapping[type[BaseModel], Mapping[str, Any]] = {
    GenerateBody: {
        "user_id": "ana",
        "model": "black-forest-labs/flux-schnell",
        "input": {"prompt": "a lighthouse in a storm"},
        "wait": 60,
    },
    ImportBody: {
        "user_id": "ana",
        "url": "https://replicate.delivery/xezq/EXAMPLE/out-0.png",
        "metadata": {"album": "lighthouses"},
    },
    SignedUrlBody: {"expires_in": 3600},
    TokenBody: {"user_id": "ana", "expires_in": 86400},
}

PATHS: Mapping[str, str] = {
    "user": "ana",
    "image": "img_01kaq8z5x3r7v0m2n4p6t9w1ye.png",
    "generation": "gen_01kaq8z5x3r7v0m2n4p6t9w1ye",
    "file": "dashboard.js",
}
