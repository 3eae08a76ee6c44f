"""The suite: mirrors `app/`; `support/` holds what several tests need."""
