"""Which chains of certificates a process has told of: a result carries its chain only when that is news."""

from typing import Final

import msgspec

from sitemon.checks.findings import Observation, first_to_expire
from sitemon.checks.net.tls import told_of
from sitemon.model.result import Result

_TELL_AGAIN_AFTER_S: Final = 3_600.0
_MOST_OF_A_SITE: Final = 4
"""Several machines behind one name may have a chain each; a server that has another at each visit is not told of."""


class Chains:
    """The chains that were told of, by site; each is told of again after an hour, lest one that got lost be missing."""

    def __init__(self) -> None:
        self._told_at_s: dict[str, dict[int, float]] = {}

    def tell(self, result: Result, seen: Observation, now_s: float) -> Result:
        """Return the result of what was seen, with its certificates when they are news. `now_s` is monotonic."""
        hop = first_to_expire(seen.hops)
        if hop is None:
            return result
        known, key = self._told_at_s.setdefault(result.site, {}), hash(hop.chain)
        if now_s - known.get(key, float("-inf")) < _TELL_AGAIN_AFTER_S:
            return result
        lasting = {one: told_at_s for one, told_at_s in known.items() if now_s - told_at_s < _TELL_AGAIN_AFTER_S}
        if len(lasting) >= _MOST_OF_A_SITE:
            return result
        self._told_at_s[result.site] = lasting | {key: now_s}
        return msgspec.structs.replace(result, certificates=told_of(hop.chain))
