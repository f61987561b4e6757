"""A stack whose parts may be killed, for the tests of this room."""

from collections.abc import Iterator

import pytest

from sitemon.local.stack import Stack
from tests.conftest import started


@pytest.fixture(scope="package")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A started stack; a part that a test leaves down is the next test's to start."""
    stack = Stack(tmp_path_factory.mktemp("own stack"))  # with a space in its path
    for part in stack.parts:
        started(part)
    yield stack
    stack.down()
