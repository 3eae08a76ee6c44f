from collections.abc import Iterator

import pytest

from tests.web.hot.both_ways import Watch, watching


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    with watching() as watch:
        yield watch
