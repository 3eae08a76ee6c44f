"""A progress bar for people: on a terminal only, on standard error, gone when it is done."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def progress_bar(words: str, *, unit: str = "image") -> Iterator[Callable[[int, int], None]]:
    """Yield what is told how many are done, of how many."""
    with tqdm(desc=words, unit=unit, leave=False, disable=not sys.stderr.isatty(), file=sys.stderr) as bar:

        def tell(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield tell
