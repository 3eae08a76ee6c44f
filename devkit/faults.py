"""Faults that are used up: each happens to so many requests, then things go well again."""

from collections.abc import Callable
from typing import Generic, TypeVar

Fault = TypeVar("Fault")


class Faults(Generic[Fault]):
    """The faults still to come.  Of those that fit a request, the one added first happens."""

    def __init__(self) -> None:
        self._coming: list[Fault] = []

    def add(self, fault: Fault, *, times: int = 1) -> None:
        self._coming.extend([fault] * times)

    def take(self, fits: Callable[[Fault], bool]) -> Fault | None:
        """Use up and return the next fault that fits, if one does."""
        for position, fault in enumerate(self._coming):
            if fits(fault):
                return self._coming.pop(position)
        return None

    def clear(self) -> None:
        self._coming.clear()

    def __len__(self) -> int:
        return len(self._coming)
