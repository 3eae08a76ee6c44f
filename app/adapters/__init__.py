"""The ports, kept with real technology.  One folder per port; none imports another."""
