"""What was said of the sites that are being folded, and what it asks for: read once for all slices of time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.stretches import Edit, Stretch, base_of, stretches_of
from sitemon.model.tellings import Telling, Tellings
from sitemon.store.names import WatchId, columns_of
from sitemon.store.queries import load_queries

_sql: Final = load_queries("edits.sql")


class Edits:
    """The edits of some sites at a time, and the stretches that follow from them. For one fold: nobody else adds any.

    `of_watches` has those of each site of which anything was said, from its base on.
    """

    def __init__(self) -> None:
        self.of_watches: Mapping[WatchId, Sequence[Edit]] = {}
        self._watches: Sequence[WatchId] = ()
        self._with_base: set[WatchId] = set()
        self._tellings: Tellings | None = None
        self._wanted: dict[WatchId, tuple[object, Sequence[Stretch]]] = {}

    def read(self, cursor: Cursor, watches: Sequence[WatchId]) -> None:
        """Read what was said of these sites, unless it was read last."""
        if watches == self._watches:
            return
        if self._tellings is None:
            cursor.execute(_sql["tellings"])
            self._tellings = Tellings(map(Telling._make, cursor))
        own: dict[WatchId, list[Edit]] = defaultdict(list)
        with_base: set[WatchId] = set()
        cursor.execute(_sql["edits"], columns_of(watches))
        for site_id, region_id, is_base, token, sequence, at_ms, from_ms, interval_ms, patience_ms in cursor:
            own[site_id, region_id].append(Edit(token, sequence, at_ms, from_ms, interval_ms or 0, patience_ms or 0))
            if is_base:
                with_base.add((site_id, region_id))
        for watch in watches:
            own[watch] += list(self._tellings.unnamed(own[watch], is_all=watch not in with_base))
        self.of_watches = {watch: edits for watch, edits in own.items() if edits}
        self._watches, self._with_base = watches, with_base
        self._wanted.clear()

    def wanted(self, watch: WatchId, before: Sequence[Stretch]) -> Sequence[Stretch]:
        """Return what the edits of a site ask for, `before` which its stretches were these."""
        edits = self.of_watches[watch]
        base = base_of(edits, before if watch in self._with_base else ())
        source = frozenset(base)
        if watch not in self._wanted or self._wanted[watch][0] != source:
            self._wanted[watch] = (source, stretches_of(edits, base))
        return self._wanted[watch][1]
