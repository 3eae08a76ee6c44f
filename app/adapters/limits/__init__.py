"""Rate limits, by the `limits` library."""
