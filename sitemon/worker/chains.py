"""Which chains of certificates a process has told of: a result carries its chain only when that is news."""

from collections import OrderedDict
from typing import Final

import msgspec

from sitemon.checks.findings import Observation, first_to_expire
from sitemon.checks.judge.masked import masked_certificates
from sitemon.checks.net.tls import certificate_of
from sitemon.model.result import Result
from sitemon.model.site import Site

_TELL_AGAIN_AFTER_S: Final = 3_600.0
_MOST_TOLD: Final = 8
_MOST_OF_A_SITE: Final = 4
"""Several machines behind one name may have a chain each; a server that has another at each visit is not told of."""
_MOST_SITES: Final = 100_000
"""More are told of at each check."""


class Chains:
    """The chains that were told of, by site; each is told of again after an hour, lest one that got lost be missing."""

    def __init__(self) -> None:
        self._told_at_s: OrderedDict[str, dict[int, float]] = OrderedDict()  # who was told of last is the last

    def tell(self, result: Result, site: Site, seen: Observation, now_s: float) -> Result:
        """Return the result of what was seen, with its first certificates when they are news. `now_s` is monotonic."""
        hop = first_to_expire(seen.hops)
        if hop is None:
            return result
        known, key = self._told_at_s.get(site.name, {}), hash(hop.chain)
        if now_s - known.get(key, float("-inf")) < _TELL_AGAIN_AFTER_S:
            return result
        lasting = {one: told_at_s for one, told_at_s in known.items() if now_s - told_at_s < _TELL_AGAIN_AFTER_S}
        if len(lasting) >= _MOST_OF_A_SITE:
            return result
        if known or len(self._told_at_s) < _MOST_SITES:
            self._told_at_s[site.name] = lasting | {key: now_s}
            self._told_at_s.move_to_end(site.name)
        for _ in range(2):  # more than came in
            first = next(iter(self._told_at_s.values()))
            if now_s - max(first.values()) >= _TELL_AGAIN_AFTER_S:
                self._told_at_s.popitem(last=False)
        found = masked_certificates(site, map(certificate_of, hop.chain[:_MOST_TOLD]))
        return msgspec.structs.replace(result, certificates=tuple(one for one in found if one is not None))
