"""What an owner has, what may be had, and what goes next."""

from dataclasses import dataclass

from app.domain.catalog import ImageCatalog
from app.domain.ids import UserId
from app.domain.images import Usage
from app.domain.retention import Policy, Upcoming
from app.services.retention import RetentionService


@dataclass(frozen=True, slots=True)
class UsageReport:
    usage: Usage
    policy: Policy
    upcoming: list[Upcoming]


class UsageService:
    def __init__(self, *, images: ImageCatalog, retention: RetentionService) -> None:
        self._images = images
        self._retention = retention

    async def report(self, user: UserId) -> UsageReport:
        """Return what *user* has; an owner nobody knows has nothing."""
        return UsageReport(await self._images.usage(user), self._retention.policy, await self._retention.upcoming(user))
