"""Who is asking, and what that opens."""

from dataclasses import dataclass

from app.domain.errors import NotFound
from app.domain.ids import UserId


@dataclass(frozen=True, slots=True)
class Caller:
    """A service key (*user* is None) may act for everyone; a user token for its owner only."""

    user: UserId | None = None

    @property
    def is_service(self) -> bool:
        return self.user is None

    @property
    def name(self) -> str:
        """What the caller is called in limits and logs."""
        return "service" if self.user is None else f"user:{self.user}"

    def may_act_for(self, owner: UserId) -> bool:
        return self.user is None or self.user == owner

    def require(self, owner: UserId) -> None:
        """Raise `NotFound` unless this caller may act for *owner*: what is another's is not there."""
        if not self.may_act_for(owner):
            raise NotFound("There is nothing here.")
