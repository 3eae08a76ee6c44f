"""User tokens, as JWTs."""
