"""Redirects: followed as browsers do, within bounds, and without telling strangers a secret."""

import socket
from collections.abc import Mapping

import pytest

from sitemon.checks.http.prepare import Prepared, prepare
from sitemon.checks.http.redirects import Request
from sitemon.checks.net.resolver import Endpoint
from sitemon.local.behaviours import answering, redirecting, response
from sitemon.local.conversation import Conversation
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.site import Expect, Header, Proxy, StatusRange
from tests.integration.checks.conftest import EngineFactory, Observer, ServerFactory, observed, site


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/end",
        "//127.0.0.1:{port}/end",
        "/end",
        "end",
        "./a/../end",
        "/end#part",
        "HTTP://127.0.0.1:{port}/end",
        " /end ",
    ],
)
def test_a_location_is_followed_in_every_form(location: str, observe: Observer, serve: ServerFactory) -> None:
    seen = observe(serve(redirecting({"/": location})).url(), match="^this is /end$")
    assert (seen.outcome, seen.http_code, seen.redirects) == (Outcome.UP, 200, 1), seen.error


def test_what_a_redirect_leads_to_is_prepared_once(
    observe: Observer, serve: ServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[str] = []

    def noted(request: Request, proxy: Proxy | None = None) -> Prepared:
        prepared.append(request.url)
        return prepare(request, proxy)

    monkeypatch.setattr("sitemon.checks.probes.web.prepare", noted)
    server = serve(redirecting({"/": "/one", "/one": "/end"}))
    assert observe(server.url()).outcome is Outcome.UP
    assert prepared == [server.url("/one"), server.url("/end")]


def test_a_location_beyond_ascii_is_followed(observe: Observer, serve: ServerFactory) -> None:
    server = serve(redirecting({"/": "/käse?q=a b"}))
    assert observe(server.url()).outcome is Outcome.UP
    assert server.asked[1].target == "/k%C3%A4se?q=a%20b"


def asking_for_a_cookie(client: Conversation) -> None:
    """Let in who has the cookie, and give it to all others, as tests for cookies do."""
    asked = client.asked()
    if asked.headers.get("cookie") == "seen=yes":
        client.send(response(f"this is {asked.target}".encode()))
        return
    headers = {"Set-Cookie": "seen=yes; Path=/; HttpOnly", "Location": asked.target}
    client.send(response(b"", status="302 Found", headers=headers))


def test_a_cookie_that_a_redirect_sets_is_sent_within_the_check_and_in_no_other(
    observe: Observer, serve: ServerFactory
) -> None:
    server = serve(asking_for_a_cookie)
    for _ in range(2):
        seen = observe(server.url("/shop"), match="^this is /shop$")
        assert (seen.outcome, seen.redirects, seen.error) == (Outcome.UP, 1, None)
    assert [asked.headers.get("cookie") for asked in server.asked] == [None, "seen=yes", None, "seen=yes"]


def test_a_loop_is_one_also_when_it_sets_the_same_cookie_again(observe: Observer, serve: ServerFactory) -> None:
    moved = response(b"", status="302 Found", headers={"Location": "/", "Set-Cookie": "a=b"})
    server = serve(answering(moved))
    seen = observe(server.url(), max_redirects=50)
    assert (seen.reason, len(server.asked)) == (Reason.REDIRECT_ERROR, 2)


def test_cookies_that_are_new_each_time_end_at_the_most_redirects(observe: Observer, serve: ServerFactory) -> None:
    def behave(client: Conversation) -> None:
        client.asked()
        count = len(server.asked)
        client.send(response(b"", status="302 Found", headers={"Location": "/", "Set-Cookie": f"count={count}"}))

    server = serve(behave)
    seen = observe(server.url(), max_redirects=3)
    assert (seen.reason, seen.error) == (Reason.REDIRECT_ERROR, f"redirected to {server.url()}: more than 3 redirects")


@pytest.mark.parametrize("what", ["refuses", "is not found"])
def test_the_target_of_a_redirect_is_named_where_it_fails(
    what: str, observe: Observer, serve: ServerFactory, refusing_port: int
) -> None:
    lost = serve(answering(response(status="404 Not Found")))
    target, words = f"http://127.0.0.1:{refusing_port}/", "the connection was refused while connecting"
    if what == "is not found":
        target, words = lost.url(), "HTTP status 404, expected 200-299"
    seen = observe(serve(redirecting({"/": target})).url())
    assert seen.error == f"redirected to {target}: {words}"


def test_a_stray_percent_is_sent_as_it_came(observe: Observer, serve: ServerFactory) -> None:
    server = serve(redirecting({"/": "/sub/%zz?q=100%"}))
    observe(server.url())
    assert server.asked[1].target == "/sub/%zz?q=100%"


@pytest.mark.parametrize(
    "location",
    [
        "",
        "http://",
        "http:///end",
        "ftp://127.0.0.1/end",
        "mailto:me",
        "http://[::1",
        "http://127.0.0.1:99999/",
        "http://a b/",
    ],
)
def test_a_location_that_leads_nowhere_is_a_redirect_error(
    location: str, observe: Observer, serve: ServerFactory
) -> None:
    seen = observe(serve(redirecting({"/": location})).url())
    assert (seen.outcome, seen.reason, seen.http_code) == (Outcome.DOWN, Reason.REDIRECT_ERROR, 302), seen.error


@pytest.mark.parametrize("locations", [{"/": "/"}, {"/": "/a", "/a": "/b", "/b": "/a"}])
def test_a_loop_is_found(locations: Mapping[str, str], observe: Observer, serve: ServerFactory) -> None:
    server = serve(redirecting(locations))
    seen = observe(server.url(), max_redirects=50)
    assert (seen.reason, len(server.asked)) == (Reason.REDIRECT_ERROR, len(locations))
    assert seen.error is not None
    assert "loop" in seen.error


def test_as_many_redirects_as_allowed_are_followed_and_not_one_more(observe: Observer, serve: ServerFactory) -> None:
    url = serve(redirecting({"/": "/1", "/1": "/2", "/2": "/3"})).url()
    assert observe(url, max_redirects=3).outcome is Outcome.UP
    seen = observe(url, max_redirects=2)
    assert (seen.reason, seen.http_code, seen.redirects) == (Reason.REDIRECT_ERROR, 302, 2)


def test_a_redirect_itself_is_judged_when_it_is_not_to_be_followed(observe: Observer, serve: ServerFactory) -> None:
    server = serve(redirecting({"/": "/end"}, code=301))
    expect = Expect(status=(StatusRange(301, 301),))
    assert observe(server.url(), follow_redirects=False, expect=expect).outcome is Outcome.UP
    seen = observe(server.url(), follow_redirects=False)
    assert (seen.reason, seen.http_code, seen.redirects) == (Reason.HTTP_STATUS, 301, 0)
    assert [asked.target for asked in server.asked] == ["/", "/"]


@pytest.mark.parametrize("code", [300, 304, 305, 306])
def test_other_codes_of_the_300s_are_no_redirects(code: int, observe: Observer, serve: ServerFactory) -> None:
    seen = observe(serve(redirecting({"/": "/end"}, code=code)).url())
    assert (seen.reason, seen.http_code, seen.redirects) == (Reason.HTTP_STATUS, code, 0)


@pytest.mark.parametrize(
    ("code", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "PUT", "PUT"),
        (302, "HEAD", "HEAD"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
    ],
)
def test_the_method_changes_as_in_browsers(
    code: int, method: str, then: str, observe: Observer, serve: ServerFactory
) -> None:
    server = serve(redirecting({"/": "/end"}, code=code))
    observe(server.url(), method=method)
    assert [asked.method for asked in server.asked] == [method, then]


SECRETS = (
    Header("Authorization", "Bearer s3cret"),
    Header("Cookie", "session=s3cret"),
    Header("X-Key", "s3cret", is_secret=True),
    Header("X-Team", "web"),
)


def test_secrets_stay_with_their_origin(observe: Observer, serve: ServerFactory) -> None:
    stranger = serve(redirecting({}))
    server = serve(redirecting({"/": "/here", "/here": stranger.url("/there")}))
    seen = observe(server.url(), headers=SECRETS)
    assert (seen.outcome, seen.redirects) == (Outcome.UP, 2)
    for asked in server.asked:
        assert "s3cret" in asked.headers["authorization"]
        assert "s3cret" in asked.headers["cookie"]
        assert asked.headers["x-key"] == "s3cret"
    assert "s3cret" not in str(stranger.asked)
    assert stranger.asked[0].headers["x-team"] == "web"


def test_secrets_do_not_come_back_once_their_origin_was_left(observe: Observer, serve: ServerFactory) -> None:
    locations: dict[str, str] = {}
    home = serve(redirecting(locations))
    stranger = serve(redirecting({"/": home.url("/end")}))
    locations["/"] = stranger.url("/")
    assert observe(home.url(), headers=SECRETS).outcome is Outcome.UP
    assert [("s3cret" in str(asked.headers), asked.target) for asked in home.asked] == [(True, "/"), (False, "/end")]


def test_userinfo_is_sent_as_basic_and_stays_with_its_origin(observe: Observer, serve: ServerFactory) -> None:
    stranger = serve(redirecting({}))
    server = serve(redirecting({"/": "/here", "/here": stranger.url("/there")}))
    seen = observe(server.url().replace("http://", "http://me:p%40ss@"))
    basic = "Basic bWU6cEBzcw=="
    assert [asked.headers.get("authorization") for asked in server.asked] == [basic, basic]
    assert "authorization" not in stranger.asked[0].headers
    assert "p%40ss" not in repr(seen)
    assert seen.hops[-1].url == stranger.url("/there")


def test_the_body_of_a_redirect_is_not_waited_for(observe: Observer, serve: ServerFactory) -> None:
    def behave(client: Conversation) -> None:
        if client.asked().target == "/end":
            client.send(response())
            return
        client.send(b"HTTP/1.1 302 Found\r\nLocation: /end\r\n\r\nMoved")
        client.hold()

    seen = observe(serve(behave).url())
    assert (seen.outcome, seen.redirects, seen.body_bytes) == (Outcome.UP, 1, 5)


@pytest.mark.parametrize(("second", "reason"), [("/end", None), ("/other", Reason.REDIRECT_ERROR)])
def test_of_two_locations_only_the_same_one_is_followed(
    second: str, reason: Reason | None, observe: Observer, serve: ServerFactory
) -> None:
    moved = f"HTTP/1.1 302 Found\r\nLocation: /end\r\nLocation: {second}\r\n\r\n".encode()

    def behave(client: Conversation) -> None:
        client.send(moved if client.asked().target == "/" else response())

    assert observe(serve(behave).url()).reason is reason


@pytest.mark.parametrize("location", ["/login/s3cret", "/login/s3cret?key=s3cret", "http://s3cret.test:{port}/end"])
def test_a_secret_that_a_redirect_echoes_is_shown_nowhere(
    location: str, make_engine: EngineFactory, serve: ServerFactory
) -> None:
    """It is visited all the same."""
    engine = make_engine(lookup=lambda _: (Endpoint(socket.AF_INET, ("127.0.0.1", 0)),))
    key = (Header("X-Key", "s3cret", is_secret=True),)
    ends = serve(redirecting({"/": location}))
    targets = ("/", "/end", "/login/s3cret", "/login/s3cret?key=s3cret")
    round_and_round = serve(redirecting(dict.fromkeys(targets, location)))
    for server, reason in ((ends, None), (round_and_round, Reason.REDIRECT_ERROR)):
        seen = observed(engine, site(server.url(), headers=key))
        assert seen.reason is reason
        assert "***" in seen.hops[1].url
        assert "s3cret" not in repr(seen).lower()
