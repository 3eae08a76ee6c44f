"""Adapters of `app.domain.bus`."""
