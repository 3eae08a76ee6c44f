"""Translators: parse, call, render.  No `if` about the domain, no `try`."""
