"""A server that echoes everything that it was told gets none of our secrets shown, in whatever place it puts them."""

import base64
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import pytest

from sitemon.config.sites import site_from_fields
from sitemon.local.behaviours import response
from sitemon.local.conversation import Asked, Behaviour, Conversation
from sitemon.model.outcome import Outcome, Reason
from tests.integration.checks.conftest import EngineFactory, ServerFactory, observed

ENVIRON: Final = {"KEY": "S3CRET key", "BODY": 'S3CRET "body"', "PASSWORD": "S3CRET:p/w", "TO_PROXY": "S3CRETproxy"}
EXPECT: Final = {
    "not_match": "x-key",
    "headers": {"X-Echo": "no"},
    "json": [{"path": "$.told", "equals": 1}, {"path": "$.headers", "exists": False}],
}
FIELDS: Final[Mapping[str, Any]] = {
    "method": "POST",
    "headers": {"X-Key": "v=1;${KEY};"},
    "body": {"json": {"key": "${BODY}"}},
    "match": "nowhere",
    "expect": EXPECT,
}
AUTH: Final = {"basic": {"username": "me", "password": "${PASSWORD}"}}
SITES: Final[Mapping[str, Callable[[str], dict[str, Any]]]] = {
    "headers and body": lambda bare: {"url": f"http://{bare}/?token=S3CRET%2fq&b=S3CRET+q", "auth": AUTH},
    "userinfo": lambda bare: {"url": f"http://me:S3CRETui@{bare}/"},
    "proxy": lambda bare: {"url": "http://shop.test/?S3CRETquery", "proxy": f"http://me:${{TO_PROXY}}@{bare}"},
}


def told(asked: Asked) -> str:
    headers = "\n".join(f"{name}: {value}" for name, value in asked.headers.items())
    return f"{asked.method} {asked.target}\n{headers}\n\n{asked.body.decode()}"


def in_json(asked: Asked) -> bytes:
    return response(json.dumps({"told": told(asked), "headers": dict(asked.headers)}).encode())


def in_a_header(asked: Asked) -> bytes:
    return response(headers={"X-Echo": told(asked).replace("\n", " | ")})


def in_redirects(asked: Asked) -> bytes:
    return response(b"", status="302 Found", headers={"Location": f"/{quote(told(asked), safe='')}"})


def in_a_loop(asked: Asked) -> bytes:
    path = asked.target if asked.target.startswith("/loop") else f"/loop/{quote(told(asked), safe='')}"
    return response(b"", status="302 Found", headers={"Location": path})


ECHOES: Final[Mapping[str, Callable[[Asked], bytes]]] = {
    "in the page": lambda asked: response(told(asked).encode()),
    "in JSON": in_json,
    "in a header": in_a_header,
    "in the status line": lambda asked: response(status=f"500 {asked.headers.get('x-key')}"),
    "instead of HTTP": lambda asked: told(asked).encode(),
    "instead of a header": lambda asked: f"HTTP/1.1 200 OK\r\n{asked.headers.get('x-key')}\r\n\r\n".encode(),
    "as the charset": lambda asked: response(headers={"Content-Type": f"a/b; charset={asked.headers.get('x-key')}"}),
    "in redirects": in_redirects,
    "in redirects that run in a loop": in_a_loop,
}


def echoing(echo: Callable[[Asked], bytes]) -> Behaviour:
    def behave(client: Conversation) -> None:
        client.send(echo(client.asked()))

    return behave


@pytest.mark.parametrize("fields_of", SITES.values(), ids=SITES)
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_what_a_server_echoes_is_shown_without_our_secrets(
    echo: Callable[[Asked], bytes],
    fields_of: Callable[[str], dict[str, Any]],
    make_engine: EngineFactory,
    serve: ServerFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve(echoing(echo))
    watched = site_from_fields({**FIELDS, **fields_of(f"127.0.0.1:{server.port}")}, ENVIRON)
    seen = observed(make_engine(), watched)
    assert seen.outcome is Outcome.DOWN
    assert "S3CRET" in repr([told(asked) for asked in server.asked]), "or there was nothing to hide"
    assert "s3cret" not in (repr(seen) + repr(watched) + caplog.text).lower()


SPELLINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "PHP's JSON": lambda secret: secret.replace("/", "\\/"),
    "JavaScript": lambda secret: secret.replace("+", "\\u002B"),
    "HTML": lambda secret: secret.replace("+", "&#43;").replace("/", "&#x2F;"),
    "a path": quote,
    "a path in a path": lambda secret: quote(quote(secret, safe="")),
    "base64": lambda secret: base64.b64encode(f"key={secret}".encode()).decode(),
    "hex": lambda secret: secret.encode().hex(),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_no_spelling_of_a_secret_is_in_the_error_of_a_redirect_loop(
    spelling: Callable[[str], str], make_engine: EngineFactory, serve: ServerFactory
) -> None:
    key = "S3CRET+a/b?c"
    echo = spelling(key)
    server = serve(echoing(lambda _: response(b"", status="302 Found", headers={"Location": f"/loop/{echo}"})))
    watched = site_from_fields({"url": server.url(), "headers": {"X-Key": "${KEY}"}}, {"KEY": key})
    seen = observed(make_engine(), watched)
    assert seen.reason is Reason.REDIRECT_ERROR
    assert seen.error is not None
    assert "loop" in seen.error
    assert "S3CRET" not in repr(seen)
    assert echo[8:] not in repr(seen)
