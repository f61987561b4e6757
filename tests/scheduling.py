"""Which process of xdist runs what: tests that mostly wait run beside those that keep a core busy."""

from typing import Final

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

WAITING: Final = 4
"""So many processes begin with tests that mostly wait, beside one a core for all others."""
MOST_COMPUTING: Final = 6
"""More would not fit on the servers of a run, which are there once: PostgreSQL takes 200 connections."""
_LEAVING: Final = 2
"""So many of those that wait end when nothing is left that waits: they would take the cores from those that compute."""
_MOSTLY_WAIT: Final = ("tests/acceptance/", "tests/faults/", "tests/integration/local/", "tests/integration/stream/")
_OF_ITS_OWN: Final = "tests/acceptance/"
_SHARE_WHAT_THEY_BUILD: Final = "tests/acceptance/test_wheel.py"


class WaitingBesideComputing(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """A file is one process's, a test of acceptance too. The first processes take what mostly waits, if any is left.

    In one queue those would come one after the other, with idle cores, or all at once, with none for anybody.
    """

    def _split_scope(self, nodeid: str) -> str:
        is_of_its_own = nodeid.startswith(_OF_ITS_OWN) and not nodeid.startswith(_SHARE_WHAT_THEY_BUILD)
        return nodeid if is_of_its_own else str(super()._split_scope(nodeid))

    def _assign_work_unit(self, node: WorkerController) -> None:
        is_to_wait = _number_of(node) < min(WAITING, self.numnodes - 1)
        scope = next((one for one in self.workqueue if _mostly_waits(one) == is_to_wait), None)
        if scope is not None:
            self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)

    def _reschedule(self, node: WorkerController) -> None:
        is_to_leave = self.numnodes > WAITING and _number_of(node) < _LEAVING
        if is_to_leave and not node.shutting_down and not any(_mostly_waits(one) for one in self.workqueue):
            node.shutdown()
        else:
            super()._reschedule(node)


def _mostly_waits(scope: str) -> bool:
    return scope.startswith(_MOSTLY_WAIT)


def _number_of(node: WorkerController) -> int:
    return int(node.gateway.id.removeprefix("gw"))
