"""A complaint is made once in a while."""

from app.services.complaints import Complaints
from devkit.clock import FakeClock


def test_a_complaint_is_due_again_after_five_minutes() -> None:
    clock = FakeClock()
    complaints = Complaints(clock=clock)
    assert [complaints.is_due("a"), complaints.is_due("a"), complaints.is_due("b")] == [True, False, True]
    clock.advance(300)
    assert complaints.is_due("a")


def test_only_so_many_complaints_are_remembered() -> None:
    complaints = Complaints(clock=FakeClock())
    assert all(complaints.is_due(number) for number in range(1_001))
    assert not complaints.is_due(1)
    assert complaints.is_due(0)
