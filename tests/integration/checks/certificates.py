"""Certificates for servers on loopback: a CA, and leaves as good or as bad as a test needs them."""

from datetime import datetime, timedelta

from sitemon.clock import utc_now
from sitemon.local import chains
from sitemon.local.chains import Signer, server_context, write_chain

__all__ = [
    "IN_A_MONTH",
    "IN_A_YEAR",
    "NOW",
    "YESTERDAY",
    "Signer",
    "new_authority",
    "new_leaf",
    "server_context",
    "write_chain",
]

NOW = utc_now().replace(microsecond=0)
YESTERDAY = NOW - timedelta(days=1)
IN_A_MONTH = NOW + timedelta(days=30)
IN_A_YEAR = NOW + timedelta(days=365)


def new_authority(name: str, *, issuer: Signer | None = None, ends_at: datetime = IN_A_YEAR) -> Signer:
    """Make a root, or an intermediate if there is an issuer."""
    return chains.new_authority(name, issuer=issuer, begins_at=NOW - timedelta(days=365), ends_at=ends_at)


def new_leaf(
    issuer: Signer | None,
    *,
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost"),
    begins_at: datetime = NOW - timedelta(days=30),
    ends_at: datetime = IN_A_YEAR,
) -> Signer:
    """Make a server's certificate; without issuer it signs itself."""
    return chains.new_leaf(issuer, hosts=hosts, begins_at=begins_at, ends_at=ends_at)
