"""A bus that nobody else is on."""

from collections.abc import Awaitable, Callable


class NobodyElse:
    """`Bus` of a process that is the only one."""

    def on(self, topic: str, hear: Callable[[str], object]) -> None:
        """Never called."""

    def on_question(self, topic: str, act: Callable[[], Awaitable[object]]) -> None:
        """Never asked."""

    def tell(self, topic: str, text: str = "") -> None:
        """Nobody hears it."""

    async def ask(self, topic: str) -> None:
        """Nobody has to act."""
