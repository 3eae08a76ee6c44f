"""What a machine may lack."""

import os
import shutil


class Missing(Exception):
    """A part of the system that an instrument needs is not here; the message names it."""


def require(*programs: str, root: bool = False) -> None:
    """Raise `Missing` unless all *programs* are installed, and we are root if that is needed."""
    for program in programs:
        if shutil.which(program) is None:
            raise Missing(f"{program} is not installed")
    if root and os.geteuid() != 0:
        raise Missing("it needs root")
