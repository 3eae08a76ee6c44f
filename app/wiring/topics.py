"""What can be said on the bus."""

CHANGED = "changed"
"""An image or a generation is no longer what it was; its name."""

DUE = "due"
"""There is more to capture than the sender has slots for."""

COUNTED = "counted"
"""Requests the sender has admitted, for the rates all processes keep together."""

UNANSWERED = "unanswered"
"""A generation whose provider's answer was lost; its id."""

STOPPED = "stopped"
"""An answer that is to stop, or a conversation that all are to stop in; its id."""

READ = "read"
"""An answer that somebody reads here, wherever it is said; its stream."""

READS = "reads"
"""A question: write down which images were read lately."""
