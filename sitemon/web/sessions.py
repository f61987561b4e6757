"""Tokens, and the signed sessions of browsers. Pure.

A session is a cookie that says who and until when. The hash of the token that began it is signed too, so that it ends
when the token is taken out of web.json. Nothing is kept of it here.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

TOKEN_PREFIX: Final = "sitemon_"  # noqa: S105 - by which a leaked one is recognised
SESSION_LASTS: Final = timedelta(days=7)
_TOKEN_BYTES: Final = 32
_LONGEST_CHARS: Final = 400


def new_token() -> str:
    """Return a token that nobody can guess."""
    return TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)


def digest_of(token: str) -> str:
    """Return what web.json holds of a token. It is random and long, so that a plain hash says nothing of it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class Sessions:
    """Makes and reads sessions. `tokens` are hashes of tokens by the names of those who have them."""

    def __init__(self, key: bytes, tokens: Mapping[str, str]) -> None:
        self._key = key
        self._tokens = tokens

    def name_of_token(self, token: str) -> str | None:
        """Return whose token this is. All are compared, and each to its end: the time taken says nothing."""
        digest = digest_of(token)
        found = [name for name, known in self._tokens.items() if hmac.compare_digest(digest, known)]
        return found[0] if found else None

    def begin(self, name: str, now: datetime) -> str:
        """Return the cookie of a session that begins now, of somebody who showed their token."""
        until_s = int((now + SESSION_LASTS).timestamp())
        return f"{until_s}.{self._signature(name, until_s)}.{name}"

    def name_of(self, cookie: str, now: datetime) -> str | None:
        """Return whose session this is; None of one that is over, or that we did not sign."""
        until, _, rest = cookie[:_LONGEST_CHARS].partition(".")
        signature, _, name = rest.partition(".")
        if not (until.isascii() and until.isdigit()) or name not in self._tokens:
            return None
        is_ours = hmac.compare_digest(signature.encode(), self._signature(name, int(until)).encode())
        return name if is_ours and now.timestamp() < int(until) else None

    def csrf_token(self, of: str) -> str:
        """Return what a form must hold beside a session, or beside a name that a proxy vouches for."""
        return self._mac("csrf", of)

    def is_csrf_token(self, given: str, of: str) -> bool:
        """Tell whether a form came from our page."""
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self.csrf_token(of).encode())

    def _signature(self, name: str, until_s: int) -> str:
        return self._mac("session", str(until_s), self._tokens[name], name)

    def _mac(self, *parts: str) -> str:
        digest = hmac.new(self._key, "\n".join(parts).encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
