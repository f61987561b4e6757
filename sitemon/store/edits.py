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

_BEFORE_ALL_MS: Final = -(2**63)


class Edits:
    """The edits of some sites at a time, and the stretches that follow from them. For one fold: nobody else adds any.

    `of_watches` has those of each site of which anything was said, from its base on; or only what is new, where all of
    that is later than what its stretches follow from.
    """

    def __init__(self) -> None:
        self.of_watches: Mapping[WatchId, Sequence[Edit]] = {}
        self._watches: Sequence[WatchId] = ()
        self._folded: dict[WatchId, Edit] = {}
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
        folded: dict[WatchId, Edit] = {}
        cursor.execute(_sql["edits"], columns_of(watches))
        for site_id, region_id, *last, is_base, token, sequence, at_ms, from_ms, interval_ms, patience_ms in cursor:
            watch = site_id, region_id
            own[watch].append(Edit(token, sequence, at_ms, from_ms, interval_ms or 0, patience_ms or 0))
            if is_base:
                with_base.add(watch)
            if last[0] is not None:
                folded[watch] = Edit(*last)
        for watch in watches:
            places = [*own[watch], folded[watch]] if watch in folded else own[watch]
            own[watch] += list(self._tellings.unnamed(places, is_all=watch not in with_base))
        self.of_watches = {watch: edits for watch, edits in own.items() if edits}
        self._watches, self._with_base, self._folded = watches, with_base, folded
        self._wanted.clear()

    def since_ms(self, watch: WatchId) -> int:
        """Return before which moment the edits of a site leave its stretches as they are."""
        if watch not in self._folded:
            return _BEFORE_ALL_MS
        own = self.of_watches[watch]
        return min(edit.at_ms + 1 if edit.from_ms is None else min(edit.at_ms + 1, edit.from_ms) for edit in own)

    def latest_ms(self, watch: WatchId) -> int:
        """Return the latest moment of all that was said of a site."""
        own = self.of_watches[watch]
        return max(edit.at_ms for edit in (*own, self._folded.get(watch, own[0])))

    def wanted(self, watch: WatchId, before: Sequence[Stretch]) -> Sequence[Stretch]:
        """Return what the edits of a site ask for, `before` which its stretches were these."""
        edits = self.of_watches[watch]
        base = base_of(edits, before if watch in self._with_base else ())
        source = frozenset(base)
        if watch not in self._wanted or self._wanted[watch][0] != source:
            self._wanted[watch] = (source, stretches_of(edits, base))
        return self._wanted[watch][1]
