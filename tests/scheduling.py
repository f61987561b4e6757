"""Which process of xdist runs which file: tests that mostly wait run beside those that keep a core busy."""

from typing import Final

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

WAITING: Final = 4
"""So many processes begin with the files that mostly wait, beside one a core for all others. With two, the others were
over long before."""
MOST_COMPUTING: Final = 6
"""More would not fit on the servers of a run, which are there once: PostgreSQL takes 200 connections."""
_MOSTLY_WAIT: Final = (
    "tests/acceptance/",
    "tests/faults/",
    "tests/integration/stream/test_follower.py",
    "tests/integration/stream/test_outages.py",
)


class WaitingBesideComputing(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """A file is one process's. The first few processes take files that mostly wait as long as there are any.

    In one queue they would come one after the other, with idle cores, or all at once, with none for anybody.
    """

    def _assign_work_unit(self, node: WorkerController) -> None:
        scope = next((one for one in self.workqueue if _mostly_waits(one) == self._is_to_wait(node)), None)
        if scope is not None:
            self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)

    def _is_to_wait(self, node: WorkerController) -> bool:
        nodes = list(self.nodes)
        return nodes.index(node) < min(WAITING, len(nodes) - 1)


def _mostly_waits(scope: str) -> bool:
    return scope.startswith(_MOSTLY_WAIT)
