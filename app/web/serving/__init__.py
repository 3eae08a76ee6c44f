"""How an image leaves: `plan` decides without touching anything, `send` does what was decided.

The split is the point: every rule of HTTP is in a pure function that a table can test, and the only part that
knows sockets and files has no rule to get wrong.
"""
