"""The values of a site's fields that say what is sent, and by which way: body, auth, proxy, ip_version.

``${NAME}`` in them comes from the environment and is a secret.
"""

import base64
import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal
from urllib.parse import unquote, urlencode, urlsplit

import msgspec

from sitemon.config.site_urls import is_host
from sitemon.config.site_values import Context, filled
from sitemon.config.values import DEEPEST, UnfitError, ValuePath, kind_of, suggestion, text, under
from sitemon.model.site import Body, Header, Proxy
from sitemon.model.target import ascii_host

LONGEST_BODY_BYTES: Final = 1 << 20

_TOKEN: Final = re.compile(r"[!-~]+")
_HOST_NAME: Final = re.compile(r"(?:[a-z0-9_][a-z0-9_-]{0,62}\.)*(?!\d+$)[a-z0-9_][a-z0-9_-]{0,62}")
_LONGEST_HOST_NAME: Final = 253
_PROXY: Final = "expected a proxy such as http://proxy.example:3128"
_BODY: Final = "expected text, {json: …} or {form: …}"
_AUTH: Final = "expected {basic: {username: …, password: …}} or {bearer: …}"


def body(value: object, context: Context) -> Body:
    """Read what a request carries: text, ``{json: …}`` or ``{form: …}``."""
    found = _text_body(value, context) if isinstance(value, str) else _body_of_kind(value, context)
    if len(found.content) > LONGEST_BODY_BYTES:
        raise UnfitError("expected a body of at most 1MiB")
    return found


def _text_body(value: str, context: Context) -> Body:
    if not value:
        raise UnfitError("expected text, not an empty one")
    content, secrets = filled(value, context)
    return Body(_encoded(content), "text/plain; charset=utf-8", secrets)


def _body_of_kind(value: object, context: Context) -> Body:
    if not isinstance(value, dict) or len(value) != 1:
        raise UnfitError(_BODY)
    (kind, content), *_ = value.items()
    if kind == "json":
        secrets: list[str] = []
        plain = json_value(content, lambda one: _noted(filled(one, context), secrets), ("json",))
        return Body(msgspec.json.encode(plain), "application/json", tuple(secrets))
    if kind == "form":
        return under("form", _form, content, context)
    raise UnfitError(f"unknown field{suggestion(str(kind), ('json', 'form'))}", (kind,))


def _form(content: object, context: Context) -> Body:
    if not isinstance(content, dict):
        raise UnfitError(f"expected a mapping of names to text, not {kind_of(content)}")
    secrets: list[str] = []
    pairs = []
    for name, one in content.items():
        if not isinstance(name, str) or not isinstance(one, str):
            raise UnfitError(f"expected text, not {kind_of(one)} (put it in quotes)", (name,))
        pairs.append(under(name, _pair, name, one, context, secrets))
    return Body(urlencode(pairs).encode(), "application/x-www-form-urlencoded", tuple(secrets))


def _pair(name: str, content: str, context: Context, secrets: list[str]) -> tuple[bytes, bytes]:
    return _encoded(name), _encoded(_noted(filled(content, context), secrets))


def _noted(found: tuple[str, tuple[str, ...]], secrets: list[str]) -> str:
    secrets += found[1]
    return found[0]


def _encoded(content: str) -> bytes:
    try:
        return content.encode()
    except UnicodeEncodeError as exc:
        raise UnfitError("expected text of whole characters, not halves of surrogate pairs") from exc


def json_value(value: object, fill: Callable[[str], str] = str, path: ValuePath = ()) -> Any:
    """Read a value that JSON has, which YAML's dates are not; `fill` is applied to each text in it."""
    if len(path) > DEEPEST:
        raise UnfitError(f"nested more than {DEEPEST} deep")
    match value:
        case str():
            try:
                return _encoded(fill(value)).decode()
            except UnfitError as exc:
                raise UnfitError(exc.problem, path) from exc
        case list():
            return [json_value(one, fill, (*path, place)) for place, one in enumerate(value)]
        case dict() if all(isinstance(name, str) for name in value):
            return {name: json_value(one, fill, (*path, name)) for name, one in value.items()}
        case None | bool() | int():
            return value
        case float() if value - value == 0:
            return value
    raise UnfitError(f"expected what JSON has: text, numbers, lists and mappings, not {kind_of(value)}", path)


def auth(value: object, context: Context) -> Header:
    """Read how a site wants to be asked: the header Authorization, a secret in any case."""
    if not isinstance(value, dict) or len(value) != 1:
        raise UnfitError(_AUTH)
    (scheme, credentials), *_ = value.items()
    if scheme == "basic":
        return Header("Authorization", under(scheme, _basic, credentials, context), is_secret=True)
    if scheme == "bearer":
        return Header("Authorization", under(scheme, _bearer, credentials, context), is_secret=True)
    raise UnfitError(f"unknown field{suggestion(str(scheme), ('basic', 'bearer'))}", (scheme,))


def _basic(credentials: object, context: Context) -> str:
    if not isinstance(credentials, dict):
        raise UnfitError(_AUTH)
    fields = ("username", "password")
    for name in credentials:
        if name not in fields:
            raise UnfitError(f"unknown field{suggestion(str(name), fields)}", (name,))
    for name in fields:
        if name not in credentials:
            raise UnfitError("missing", (name,))
    username, password = (under(name, _secret_text, credentials[name], context) for name in fields)
    if ":" in username:  # RFC 7617, 2
        raise UnfitError("expected a name without a colon", ("username",))
    return basic_authorization(username, password)


def basic_authorization(username: str, password: str) -> str:
    """Return the value of a header with Basic credentials."""
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


def _bearer(credentials: object, context: Context) -> str:
    token = _secret_text(credentials, context)
    if not _TOKEN.fullmatch(token):
        raise UnfitError("expected a token without spaces, in ASCII")
    return f"Bearer {token}"


def _secret_text(value: object, context: Context) -> str:
    return text(filled(text(value), context)[0])


def proxy(value: object, context: Context) -> Proxy:
    """Read the URL of an HTTP proxy; userinfo in it authorizes us there."""
    url = _secret_text(value, context)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        is_fit = bool(port) and is_host(host) and not set(url) & {" ", "\\"}
    except ValueError:
        raise UnfitError(_PROXY) from None
    if parts.scheme != "http" or not is_fit or port is None or parts.path not in ("", "/") or parts.query:
        raise UnfitError(_PROXY)
    if parts.username is None:
        return Proxy(host, port)
    return Proxy(host, port, basic_authorization(unquote(parts.username), unquote(parts.password or "")))


def server_name(value: object, _: Context) -> str:
    """Read the name for which a server is to show its certificate; an international one becomes ASCII."""
    found = text(value)
    with contextlib.suppress(ValueError):
        found = ascii_host(found).lower().removesuffix(".")
    if not _HOST_NAME.fullmatch(found) or len(found) > _LONGEST_HOST_NAME:
        raise UnfitError("expected a host name such as shop.example")
    return found


_IP_VERSIONS: Final[Mapping[object, Literal[4, 6] | None]] = {"any": None, "4": 4, "6": 6}


def ip_version(value: object, _: Context) -> Literal[4, 6] | None:
    """Read which IP version a site is visited by; None is either."""
    word = str(value) if isinstance(value, int | str) else ""
    if word not in _IP_VERSIONS:
        raise UnfitError("expected any, 4 or 6")
    return _IP_VERSIONS[word]
