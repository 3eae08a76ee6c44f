"""Models that talk about pictures, where they run."""
