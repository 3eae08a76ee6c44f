"""Arguments of the command line, parsed at the edge: what is wrong is a usage error, before anything is opened."""

from argparse import ArgumentTypeError
from datetime import timedelta

from app.domain.errors import InvalidInput
from app.domain.ids import UserId

_MOST_WORKERS = 64
_LONGEST = timedelta(days=365)


def user(text: str) -> UserId:
    try:
        return UserId.parse(text)
    except InvalidInput as refusal:
        raise ArgumentTypeError(refusal.detail) from None


def workers(text: str) -> int:
    """Return a number of processes."""
    if not (
        text.isascii() and text.isdecimal() and len(text) <= len(str(_MOST_WORKERS)) and 1 <= int(text) <= _MOST_WORKERS
    ):
        raise ArgumentTypeError(f"must be a whole number from 1 to {_MOST_WORKERS}.")
    return int(text)


def lifetime(text: str) -> timedelta:
    """Return a span of whole seconds, up to a year."""
    most = int(_LONGEST.total_seconds())
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
        raise ArgumentTypeError(f"must be whole seconds, from 1 to {most}.")
    return timedelta(seconds=int(text))
