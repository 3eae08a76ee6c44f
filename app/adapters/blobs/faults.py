"""What a failing disk means to a caller: the one seam between errno and our refusals."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from app.domain.errors import AppError, Overloaded, StorageFull, StorageUnavailable

_FULL = {errno.ENOSPC, errno.EDQUOT}
_TOO_MANY_FILES = {errno.EMFILE, errno.ENFILE}


@contextmanager
def translated() -> Iterator[None]:
    """Turn an `OSError` of the volume into `StorageFull`, `Overloaded` or `StorageUnavailable`."""
    try:
        yield
    except OSError as error:
        raise _refusal(error) from error


def _refusal(error: OSError) -> AppError:
    if error.errno in _FULL:
        return StorageFull("The volume is full.", retry_after=60)
    if error.errno in _TOO_MANY_FILES:
        return Overloaded("Too many files are open.", retry_after=1)
    if error.errno == errno.EROFS:
        return StorageUnavailable("The volume is read-only.", retry_after=5)
    return StorageUnavailable("The volume cannot be used.", retry_after=5)
