"""HTTP: what comes in is parsed here, what goes out is rendered here, and nothing is decided here."""
