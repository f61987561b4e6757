"""The page and the API: who may sign in, whose word is taken for it, and what everybody may see."""

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from sitemon.config.fields import Fields
from sitemon.config.web_file import WEB, Group, Network
from sitemon.model.errors import ConfigurationError


class WebSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What web.json says.

    `tokens` are hashes (SHA-256, hexadecimal) by the name of who has the token. Sessions are signed with
    `session_key`; None: with one of the process's own, so that they end with it. From addresses in `proxy_networks` the
    header `proxy_header` says who is signed in. `public_groups` are the sites that everybody may see.
    """

    public_url: str | None = None
    tokens: Mapping[str, str] = {}
    session_key: str | None = None
    sign_in_to_read: bool = False
    proxy_networks: tuple[Network, ...] = ()
    proxy_header: str | None = None
    public_title: str = "Status"
    public_text: str = ""
    public_logo: str = ""
    public_link: str | None = None
    public_groups: tuple[Group, ...] = ()

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name != "session_key"]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"


def web_settings(file: str | None = None, environ: Mapping[str, str] = os.environ) -> WebSettings:
    """Read web.json. Without it nobody can sign in, and nothing is public.

    Raises:
        ConfigurationError: with every mistake in it.

    """
    fields = Fields.read(WEB, file, environ)
    fields.require_together("proxy_networks", "proxy_header")
    if fields.values.get("sign_in_to_read") and not {"tokens", "proxy_header"} & fields.values.keys():
        fields.complain("sign_in_to_read", "nobody can sign in: expected tokens, or proxy_networks and proxy_header")
    fields.finish()
    return WebSettings(**fields.values)


def page_url(environ: Mapping[str, str]) -> str | None:
    """Return where people find the page, for who tells them so; None: web.json does not say, or is not for us to read.

    Of other mistakes in it nothing is said here: they keep nobody from telling anything.
    """
    try:
        found: str | None = Fields.read(WEB, None, environ).values.get("public_url")
    except ConfigurationError:
        return None
    return found
