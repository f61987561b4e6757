"""Which certificates a site's page shows: those of today, by regions, and earlier ones. Pure."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sitemon.store.page_site import Chain, SentCertificate


class SeenChain(NamedTuple):
    """The certificates that a server sent to some regions, its own first, from one moment to another."""

    regions: Sequence[str]
    first_at: datetime
    last_at: datetime
    certificates: Sequence[SentCertificate]


class Certificates(NamedTuple):
    """Those that are sent today, and those that were sent before, the newest first."""

    today: list[SeenChain]
    earlier: list[SeenChain]


def certificates_of(chains: Iterable[Chain], regions: Collection[str]) -> Certificates:
    """Return the chains of a site, the newest first of each region, that is looked at from these regions.

    The newest of a region is that of today. Regions to which the same one is sent stand together.
    """
    newest: dict[str, Chain] = {}
    earlier: list[Chain] = []
    for chain in chains:
        if chain.region in regions and chain.region not in newest:
            newest[chain.region] = chain
        else:
            earlier.append(chain)
    return Certificates(_together(newest.values()), [SeenChain([one.region], *one[1:]) for one in earlier])


def _together(chains: Iterable[Chain]) -> list[SeenChain]:
    by_content: dict[tuple[SentCertificate, ...], list[Chain]] = {}
    for chain in chains:
        by_content.setdefault(tuple(chain.certificates), []).append(chain)
    return [
        SeenChain(
            sorted(one.region for one in ours),
            min(one.first_at for one in ours),
            max(one.last_at for one in ours),
            certificates,
        )
        for certificates, ours in by_content.items()
    ]
