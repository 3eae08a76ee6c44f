"""The settings: read once from the environment, judged whole.  They stop at `wiring`; adapters get plain values."""

from app.config.environment import ConfigError
from app.config.settings import Settings

__all__ = ["ConfigError", "Settings"]
