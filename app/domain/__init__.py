"""The vocabulary and the rules.  Standard library only; imports nothing of the layers above."""
