"""Builds the services from the settings.  The only place that knows concrete classes, the clock and chance."""

from app.wiring.adapters import World
from app.wiring.lifecycle import Holdfast, running, wired

__all__ = ["Holdfast", "World", "running", "wired"]
