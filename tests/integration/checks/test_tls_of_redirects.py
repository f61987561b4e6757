"""What of a site's `tls` holds where it redirects to: whom it trusts does, our own certificate does not."""

from pathlib import Path

import pytest

from sitemon.local.behaviours import answering, redirecting, response
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.site import Tls
from tests.integration.checks.certificates import new_leaf, write_chain
from tests.integration.checks.conftest import (
    Authority,
    Observer,
    ServerFactory,
    TlsServerFactory,
    demanding_certificates,
)


@pytest.fixture
def ours(ca: Authority, tmp_path: Path) -> Tls:
    return Tls(ca_file=str(ca.file), cert_file=str(write_chain(tmp_path, new_leaf(ca.signer))))


def test_our_certificate_is_shown_after_a_redirect_within_the_origin(
    ours: Tls, observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    server = serve_tls(redirecting({"/": "/b"}), new_leaf(ca.signer), adjust=demanding_certificates(ca))
    seen = observe(server.url("/"), tls=ours, match="this is /b")
    assert (seen.outcome, seen.redirects) == (Outcome.UP, 1), seen.error


@pytest.mark.parametrize("is_tls", [False, True])
def test_our_certificate_is_not_shown_to_another_origin(
    is_tls: bool, ours: Tls, observe: Observer, serve: ServerFactory, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    curious = serve_tls(answering(response()), new_leaf(ca.signer), adjust=demanding_certificates(ca))
    leading = redirecting({"/": curious.url()})
    first = serve_tls(leading, new_leaf(ca.signer)) if is_tls else serve(leading)
    seen = observe(first.url("/"), tls=ours)
    assert (seen.reason, len(seen.hops)) == (Reason.TLS_ERROR, 2), seen.error
    assert "client certificate" in str(seen.error)
    assert curious.asked == []


def test_our_certificate_does_not_come_back_once_its_origin_was_left(
    ours: Tls, observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    places = {"/": ""}
    first = serve_tls(redirecting(places), new_leaf(ca.signer), adjust=demanding_certificates(ca))
    other = serve_tls(redirecting({"/": first.url("/b")}), new_leaf(ca.signer))
    places["/"] = other.url("/")
    seen = observe(first.url("/"), tls=ours)
    assert (seen.reason, len(seen.hops)) == (Reason.TLS_ERROR, 3), seen.error


@pytest.mark.parametrize(("is_verified", "outcome"), [(True, Outcome.DOWN), (False, Outcome.UP)])
def test_whom_a_site_trusts_is_trusted_at_other_origins_too(
    is_verified: bool, outcome: Outcome, observe: Observer, serve: ServerFactory, serve_tls: TlsServerFactory
) -> None:
    unknown = serve_tls(answering(response()), new_leaf(None))
    first = serve(redirecting({"/": unknown.url()}))
    assert observe(first.url("/"), tls=Tls(verify=is_verified)).outcome is outcome
