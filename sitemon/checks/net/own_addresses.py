"""Whether an address is this machine's own: the kernel's word, by its tables of routes (rtnetlink(7)).

Linux leads packets to its own addresses through loopback, also to those that are public: a firewall that stands before
the machine never sees them. The address from which a socket connects does not tell: to the second one of an interface
Linux connects from the first.
"""

import errno
import socket
import struct
import sys
from typing import Final

from sitemon.checks.errors import OwnError
from sitemon.checks.net.addresses import Address
from sitemon.model.outcome import Reason

_NLMSG_ERROR: Final = 2
_RTM_NEWROUTE: Final = 24
_RTM_GETROUTE: Final = 26
_NLM_F_REQUEST: Final = 1
_RTA_DST: Final = 1
_HERE: Final = (2, 4)
"""RTN_LOCAL and RTN_ANYCAST: what is sent there is received here."""
_NO_ROUTE: Final = (errno.ENETUNREACH, errno.EHOSTUNREACH)
_HEADER: Final = struct.Struct("=IHHII")
"""Length, type, flags, sequence number, sender: netlink(7)."""
_ROUTE: Final = struct.Struct("=8BI")
"""Family, length of the destination in bits, of the source, and others; the type of the route is the eighth byte."""
_ATTRIBUTE: Final = struct.Struct("=HH")
_ERROR: Final = struct.Struct("=i")
_LONGEST_ANSWER: Final = 4096


def is_own(address: Address) -> bool:
    """Return whether what is sent to the address stays on this machine; where that is not Linux, False. Does not block.

    Raises:
        OwnError: the kernel cannot be asked, or does not say.

    """
    if sys.platform != "linux":
        return False
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as kernel:
            kernel.connect((0, 0))
            kernel.send(_question(address))
            answer = kernel.recv(_LONGEST_ANSWER)
    except OSError as exc:
        words = "this process cannot ask the kernel whether an address is this machine's own (netlink)"
        raise OwnError(Reason.CONNECT_ERROR, words) from exc
    _, kind, *_ = _HEADER.unpack_from(answer)
    if kind == _RTM_NEWROUTE:
        return _ROUTE.unpack_from(answer, _HEADER.size)[7] in _HERE
    if kind == _NLMSG_ERROR and -_ERROR.unpack_from(answer, _HEADER.size)[0] in _NO_ROUTE:
        return False
    raise OwnError(Reason.CONNECT_ERROR, "the kernel does not say whether an address is this machine's own (netlink)")


def _question(address: Address) -> bytes:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    destination = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(address.packed), _RTA_DST) + address.packed
    route = _ROUTE.pack(family, address.max_prefixlen, *[0] * 7)
    length = _HEADER.size + len(route) + len(destination)
    return _HEADER.pack(length, _RTM_GETROUTE, _NLM_F_REQUEST, 0, 0) + route + destination
