"""Images and captures under anything that can happen to them, in any order, beside a model of what must be true."""

import asyncio
import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.adapters.catalog.database import Database
from app.domain.captures import Capture
from app.domain.errors import ImageIdTaken
from app.domain.ids import ImageId
from app.domain.images import ImageStatus
from tests.adapters.catalog.conftest import catalog_over
from tests.support.catalog import ANA, DIGEST, FACTS, LEASE, NOW, an_image

NAMES = st.sampled_from(["a", "b", "c", "d"])
SOURCES = st.sampled_from(["u", "v", "w"])
ENDINGS = st.sampled_from([True, False])


@dataclass
class Known:
    """What the model holds of one image."""

    source: str
    status: ImageStatus = ImageStatus.CAPTURING
    holder: Capture | None = None
    due: timedelta = field(default_factory=timedelta)


class CatalogMachine(RuleBasedStateMachine):
    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp())
        self.runner = asyncio.Runner()
        self.run = self.runner.run
        self.database = Database(Path(shutil.copy(self.template, self.folder)))
        self.catalog = catalog_over(self.database)
        self.model: dict[str, Known] = {}
        self.held: list[Capture] = []
        self.passed = timedelta()

    @property
    def now(self) -> datetime:
        return NOW + self.passed

    @rule(name=NAMES, source=SOURCES)
    def register(self, name: str, source: str) -> None:
        same = next((n for n, k in self.model.items() if k.source == source and k.status != "deleted"), None)
        is_taken = name in self.model and name != same
        new = an_image(name, url=f"https://delivery.example/{source}", created_at=self.now)
        try:
            registered = self.run(self.catalog.images.register(new))
        except ImageIdTaken:
            assert is_taken
            return
        assert not is_taken
        assert str(registered.image.id) == (same or name)
        failed = same is not None and self.model[same].status in {ImageStatus.LOST, ImageStatus.REJECTED}
        assert registered.is_new == (same is None or failed)
        if registered.is_new:
            self.model[same or name] = Known(source, due=self.passed)

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        claimed = self.run(self.catalog.claim(now=self.now, limit=limit))
        due = [n for n, k in self.model.items() if k.status == "capturing" and k.due <= self.passed]
        assert {str(capture.image) for capture in claimed} <= set(due)
        assert len(claimed) == min(limit, len(due))
        for capture in claimed:
            known = self.model[str(capture.image)]
            known.holder, known.due = capture, self.passed + LEASE
        self.held += claimed

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def store(self, data: st.DataObject) -> None:
        capture, known, is_ours = self._some(data)
        image = self.run(self.catalog.captures.settle_stored(capture, facts=FACTS, digest=DIGEST, at=self.now))
        assert (image is not None) == is_ours
        if is_ours:
            known.status = ImageStatus.STORED

    @precondition(lambda self: self.held)
    @rule(data=st.data(), is_lost=ENDINGS)
    def fail(self, data: st.DataObject, *, is_lost: bool) -> None:
        capture, known, is_ours = self._some(data)
        settling = self.catalog.captures.settle_failed(capture, is_lost=is_lost, reason="r", detail="d", at=self.now)
        assert self.run(settling) == is_ours
        if is_ours:
            known.status = ImageStatus.LOST if is_lost else ImageStatus.REJECTED

    @precondition(lambda self: self.held)
    @rule(data=st.data(), seconds=st.integers(0, 90))
    def release(self, data: st.DataObject, seconds: int) -> None:
        capture, known, is_ours = self._some(data)
        at = self.passed + timedelta(seconds=seconds)
        assert self.run(self.catalog.captures.release(capture, at=NOW + at, error="e")) == is_ours
        if is_ours:
            known.due = at

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        known = self.model.get(name)
        deleted = self.run(self.catalog.images.mark_deleted(ANA, ImageId(name), reason="user_request", at=self.now))
        assert (deleted is not None) == (known is not None and known.status != "deleted")
        if known is not None:
            known.status = ImageStatus.DELETED

    @rule(seconds=st.integers(1, 60))
    def wait(self, seconds: int) -> None:
        self.passed += timedelta(seconds=seconds)

    @invariant()
    def every_image_is_as_the_model_says(self) -> None:
        for name, known in self.model.items():
            assert self.run(self.catalog.get(name)).status == known.status

    @invariant()
    def the_backlog_is_what_is_capturing(self) -> None:
        capturing = sum(known.status == "capturing" for known in self.model.values())
        assert self.run(self.catalog.captures.backlog()).open == capturing
        assert self.run(self.catalog.images.usage(ANA)).capturing == capturing

    @invariant()
    def the_log_has_no_gap(self) -> None:
        sequence = [number for number, _, _ in self.run(self.catalog.changes(ANA))]
        assert sequence == list(range(1, len(sequence) + 1))

    def teardown(self) -> None:
        self.run(self.database.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)

    def _some(self, data: st.DataObject) -> tuple[Capture, Known, bool]:
        """Return a capture that somebody holds or held, its image, and whether it may still be settled with it."""
        capture = data.draw(st.sampled_from(self.held))
        known = self.model[str(capture.image)]
        is_ours = known.status == "capturing" and known.holder == capture
        return capture, known, is_ours


def test_no_order_of_events_breaks_the_model(migrated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CatalogMachine, "template", migrated, raising=False)
    case = CatalogMachine.TestCase
    case.settings = settings(
        max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
    )
    case().runTest()
