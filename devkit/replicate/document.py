"""The prediction object of the API and of webhooks, as it reads at one moment."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from devkit.replicate.behaviour import Shape
from devkit.replicate.prediction import Prediction

_SENTENCE = ("A ", "small ", "picture ", "of ", "https.")


def document(prediction: Prediction, now: datetime, *, inline: bool = False) -> dict[str, Any]:
    """Return the JSON of *prediction* at *now*; *inline* gives its files as data URIs."""
    removed = prediction.is_removed(now)
    over = prediction.is_over(now)
    has_started = now >= prediction.started_at and prediction.status(now) != "aborted"
    members: dict[str, Any] = {
        "id": prediction.id,
        "model": prediction.model,
        "version": prediction.version,
        "input": {} if removed else prediction.input,
        "logs": None if removed or _is_canceled(prediction, now) else _logs(prediction, now),
        "output": None if removed else _output(prediction, now, inline=inline or prediction.behaviour.inline),
        "data_removed": removed,
        "error": prediction.behaviour.error if over and prediction.status(now) == "failed" else None,
        "source": prediction.source,
        "status": prediction.status(now),
        "created_at": timestamp(prediction.created_at, 3),
        "started_at": timestamp(prediction.started_at, 6) if has_started else None,
        "completed_at": timestamp(prediction.end.moment, 9) if over else None,
        "metrics": _metrics(prediction) if over else {},
        "urls": _urls(prediction),
        **_optional(prediction),
    }
    return _sparse(members) if prediction.behaviour.sparse else members


def timestamp(moment: datetime, digits: int) -> str:
    """Return *moment* by RFC 3339 with so many fractional digits; the real service uses 3 to 9."""
    moment = moment.astimezone(UTC)
    fraction = f"{moment.microsecond:06}000"[:digits]
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def _output(prediction: Prediction, now: datetime, *, inline: bool) -> Any:
    shape = prediction.behaviour.shape
    visible = [index for index in range(len(prediction.files)) if prediction.has_output(index, now)]
    if shape is Shape.NULL or not visible:
        return None
    files = [_data_uri(prediction, index) if inline else prediction.files[index] for index in visible]
    return shaped(files, shape)


def shaped(files: Sequence[str], shape: Shape) -> Any:
    """Return *files*, of which there is at least one, in *shape*."""
    match shape:
        case Shape.STRING:
            return files[0]
        case Shape.DICT:
            return {f"image_{index}" if index else "image": file for index, file in enumerate(files)}
        case Shape.NESTED:
            return {"seed": 7, "frames": [{"image": file, "score": 0.5} for file in files], "note": "done"}
        case Shape.TEXT:
            return list(_SENTENCE)
        case _:
            return list(files)


def _data_uri(prediction: Prediction, index: int) -> str:
    encoded = base64.b64encode(prediction.contents[index]).decode()
    return f"data:{prediction.behaviour.label};base64,{encoded}"


def _is_canceled(prediction: Prediction, now: datetime) -> bool:
    return prediction.canceled_at is not None and prediction.status(now) == "canceled"


def _logs(prediction: Prediction, now: datetime) -> str:
    if now < prediction.started_at:
        return ""
    lines = ["Using seed: 7", "  0%|          | 0/4 [00:00<?, ?it/s]"]
    if now >= prediction.ready_at:
        lines.append("100%|##########| 4/4 [00:01<00:00,  4.00it/s]")
    return "\n".join(lines) + "\n"


def _metrics(prediction: Prediction) -> dict[str, float]:
    ended = prediction.end.moment
    return {
        "predict_time": max(0.0, (ended - prediction.started_at).total_seconds()),
        "total_time": (ended - prediction.created_at).total_seconds(),
    }


def _urls(prediction: Prediction) -> dict[str, str]:
    own = f"{prediction.origin}/v1/predictions/{prediction.id}"
    return {"cancel": f"{own}/cancel", "get": own, "web": f"https://replicate.com/p/{prediction.id}"}


def _optional(prediction: Prediction) -> dict[str, Any]:
    members = {
        "deadline": timestamp(prediction.deadline, 3) if prediction.deadline else None,
        "deployment": prediction.deployment,
        "webhook": prediction.webhook,
        "webhook_events_filter": list(prediction.events) if prediction.webhook else None,
    }
    return {name: value for name, value in members.items() if value is not None}


def _sparse(members: dict[str, Any]) -> dict[str, Any]:
    """Leave out what recorded traffic leaves out; `error` is null even there."""
    kept = {name: value for name, value in members.items() if value or name in {"error", "input", "logs"}}
    kept["urls"] = {name: url for name, url in members["urls"].items() if name != "web"}
    return kept
