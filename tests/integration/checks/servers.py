"""The servers of `sitemon.local`, by their old name."""

from sitemon.local.behaviours import (
    answering,
    chunked,
    closed_port,
    compressed,
    drips_body,
    drips_header,
    never_reads,
    redirecting,
    resets_after_headers,
    resets_before_headers,
    response,
    sends_endless_body,
    sends_endless_interim_responses,
    sends_endless_trailers,
    silent,
)
from sitemon.local.conversation import DRIP_S, Asked, Behaviour, Conversation, Server

__all__ = [
    "DRIP_S",
    "Asked",
    "Behaviour",
    "Conversation",
    "Server",
    "answering",
    "chunked",
    "closed_port",
    "compressed",
    "drips_body",
    "drips_header",
    "never_reads",
    "redirecting",
    "resets_after_headers",
    "resets_before_headers",
    "response",
    "sends_endless_body",
    "sends_endless_interim_responses",
    "sends_endless_trailers",
    "silent",
]
