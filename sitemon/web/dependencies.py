"""What the routes work with."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from starlette.concurrency import run_in_threadpool

from sitemon.config.sites import SiteSet
from sitemon.store.pool import Pool
from sitemon.web.acts import Acts
from sitemon.web.auth import Guard
from sitemon.web.fair_turns import FairTurns
from sitemon.web.history import History
from sitemon.web.reports import Reports
from sitemon.web.shared import Shared
from sitemon.web.snapshot import Snapshot, Snapshots

T = TypeVar("T")


class Web(NamedTuple):
    """What routes share.

    `pool` is for what is read at once, `downloads` for what may take long. `sites` returns the configured sites, None
    where they cannot be read here.
    `turns` are those of programs that read from `pool`, and of badges for which it has to be read.
    `guard` knows who asks and whether they may; `acts` are what operators do.
    """

    snapshots: Snapshots
    history: History
    pool: Pool
    downloads: Pool
    shared: Shared
    reports: Reports
    sites: Callable[[], SiteSet | None]
    guard: Guard
    acts: Acts
    turns: FairTurns

    async def snapshot(self) -> Snapshot | None:
        """Return how everything is, as fresh as `Snapshots` has it; None: it was never read."""
        return await self.snapshots.newest()

    def owners(self, names: Iterable[str]) -> dict[str, str]:
        """Return of each of these sites whose it is: the file of sites in which it stands.

        Those of which that cannot be read here belong together. To be called in a thread: edits are taken up meanwhile.
        """
        sites = self.sites()
        known = sites.by_name if sites else {}
        return {name: known[name].file if name in known else "" for name in names}

    async def act(self, act: Callable[[], T]) -> T:
        """Let an operator do something: whoever reads after it sees it."""
        done = await run_in_threadpool(act)
        await run_in_threadpool(self.snapshots.read_what_changed)
        self.shared.forget()
        return done
