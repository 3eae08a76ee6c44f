"""Instruments that try to lose an image.  `make reliability` runs them; docs/reliability.md says what they showed."""
