"""Short messages between the processes of one deployment."""

from collections.abc import Awaitable, Callable
from typing import Protocol


class Bus(Protocol):
    """A hint at best: a message may be lost, is never repeated, and says nothing the catalog does not know better.

    Topics are words without spaces; texts are short and without line breaks.  Nobody hears what it says itself.
    """

    def on(self, topic: str, hear: Callable[[str], object]) -> None:
        """Call *hear* with the text of each message on *topic*."""

    def on_question(self, topic: str, act: Callable[[], Awaitable[object]]) -> None:
        """Await *act* whenever somebody asks for *topic*; its end is the answer."""

    def tell(self, topic: str, text: str = "") -> None:
        """Send to every other process; never waits, never raises."""

    async def ask(self, topic: str) -> None:
        """Return when every other process that is there has acted on *topic*, or after a moment."""
