"""``sitemon check`` as a person runs it, and `sitemon.check` as a program does: without any server of ours."""

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

import sitemon
from sitemon.local import behaviours
from sitemon.local.behaviours import answering, redirecting, response
from sitemon.model.errors import ConfigurationError
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Kind, Result
from sitemon.model.site import Site
from tests import commands
from tests.commands import Done
from tests.integration.checks.certificates import new_leaf
from tests.integration.checks.conftest import Authority, ServerFactory, TlsServerFactory


def run(*arguments: str, cwd: Path | None = None, **variables: str) -> Done:
    environ = {name: value for name, value in os.environ.items() if name != "CONF_DIR"} | variables
    return commands.run("sitemon", "check", *arguments, environ=environ, folder=cwd or Path.cwd())


def test_a_site_that_is_up_ends_with_0(serve: ServerFactory) -> None:
    done = run(serve(answering(response(b"in stock"))).url("/health?q=1"), "--match", "in st.ck")
    assert (done.returncode, done.stderr) == (0, "")
    assert "up" in done.stdout
    assert "in st.ck found" in done.stdout
    assert "first byte" in done.stdout


def test_a_site_that_is_down_ends_with_1_and_says_why(serve: ServerFactory) -> None:
    done = run(serve(answering(response(status="503 Oops"))).url())
    assert (done.returncode, done.stderr) == (1, "")
    assert "down http_status" in done.stdout
    assert "HTTP status 503, expected 200-299" in done.stdout


def test_the_timeout_is_that_of_the_command(serve: ServerFactory) -> None:
    done = run(serve(behaviours.silent).url(), "--timeout", "200ms")
    assert done.returncode == 1
    assert "timed out after 0.2 s while waiting for the first byte" in done.stdout


def test_json_is_the_result_as_on_kafka(serve: ServerFactory) -> None:
    server = serve(answering(response(b"in stock")))
    done = run(server.url("/health?token=s3cret"), "--match", "sold out", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["outcome"], found["reason"], found["kind"]) == (1, "down", "no_match", "adhoc")
    assert (found["match"], found["is_match_found"], found["body_bytes"]) == ("sold out", False, 8)
    assert found["site"].startswith(server.url("/health#"))
    assert list(found) == [field.name for field in msgspec.structs.fields(Result)]


def test_the_trace_shows_every_hop_and_certificate(
    serve: ServerFactory, serve_tls: TlsServerFactory, ca: Authority, tmp_path: Path
) -> None:
    plain = serve(answering(response()))
    secure = serve_tls(
        answering(response(b"", status="302 Found", headers={"Location": plain.url("/end?k=s3cret")})),
        new_leaf(ca.signer),
    )
    (tmp_path / "sites.yaml").write_text(
        f"sites: [{{name: shop, url: '{secure.url()}', tls: {{ca_file: '{ca.file}'}}}}]\n"
    )
    done = run("shop", "--trace", CONF_DIR=str(tmp_path), COLUMNS="200")
    assert done.returncode == 0
    shown = done.stdout
    assert f"hop 1  {secure.url()}  → 302" in shown
    assert f"hop 2  {plain.url('/end')}  → 200" in shown
    assert "CN=leaf by CN=a CA of the tests" in shown
    assert "s3cret" not in shown


def test_the_trace_shows_the_assertion_that_failed_and_the_page_around_it(serve: ServerFactory, tmp_path: Path) -> None:
    server = serve(answering(response(b"<p>Fatal error of s3cret</p>")))
    (tmp_path / "sites.json").write_text(
        json.dumps(
            {
                "sites": [
                    {
                        "name": "shop",
                        "url": server.url(),
                        "auth": {"basic": {"username": "me", "password": "s3cret"}},
                        "expect": {"not_match": "Fatal", "match": "in stock"},
                    }
                ]
            }
        )
    )
    for form in ([], ["--json"]):
        done = run("shop", "--trace", *form, CONF_DIR=str(tmp_path), COLUMNS="200")
        assert (done.returncode, done.stderr) == (1, "")
        assert "<p>Fatal error of ***</p>" in done.stdout
        assert "forbidden_match" in done.stdout
        assert "s3cret" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no-such-site"], "no-such-site: not a URL such as"),
        (["ftp://127.0.0.1/"], "expected a URL"),
        (["http://127.0.0.1:1/?token=s3cret", "--match", "(?=x)"], "regex"),
        (["http://127.0.0.1:1/", "--timeout", "soon"], "expected a duration"),
        (["me:s3cret@shop/?token=s3cret"], "shop/: not a URL such as"),
        ([], "URL-or-site"),
    ],
)
def test_wrong_use_ends_with_2_and_one_line(arguments: Sequence[str], words: str, tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert "s3cret" not in done.stderr


@pytest.mark.parametrize("form", [[], ["--json"], ["--trace"], ["--json", "--trace"]])
def test_no_secret_is_shown_in_any_form(form: Sequence[str], serve: ServerFactory) -> None:
    server = serve(redirecting({"/?token=s3cret": "http://me:s3cret@127.0.0.1:{port}/end?token=s3cret"}))
    done = run(server.url("/?token=s3cret").replace("http://", "http://me:s3cret@"), *form)
    assert (done.returncode, len(server.asked)) == (0, 2)
    assert "s3cret" not in done.stdout + done.stderr


def test_a_check_from_python_is_one_call(serve: ServerFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITEMON_REGION", "north")
    server = serve(answering(response(b"in stock", status="404 Not Found")))
    result = sitemon.check(
        server.url("/a?b=c"), match="stock", expect={"status": [404]}, headers={"X-Team": "web"}, method="PUT"
    )
    assert (result.outcome, result.http_code, result.is_match_found) == (Outcome.UP, 404, True)
    assert (result.kind, result.region, result.url) == (Kind.ADHOC, "north", server.url("/a"))
    assert result.slot_at <= result.checked_at
    assert (server.asked[0].method, server.asked[0].headers["x-team"]) == ("PUT", "web")


def test_a_site_is_checked_with_its_own_fields_and_those_given_instead(serve: ServerFactory) -> None:
    site = Site(name="shop", url=serve(behaviours.silent).url(), match="x", timeout_s=1.0)
    assert sitemon.check(site).match == "x"
    result = sitemon.check(site, match="y", timeout=0.1)
    assert (result.site, result.match, result.reason) == ("shop", "y", Reason.TIMEOUT)
    assert result.latency_s is not None
    assert result.latency_s < 1.0


def test_a_timeout_that_is_given_wins_even_when_it_is_the_usual_one(serve: ServerFactory) -> None:
    assert inspect.signature(sitemon.check).parameters["timeout"].default == 10.0
    site = Site(name="shop", url=serve(behaviours.tardy).url(), timeout_s=behaviours.TARDY_S / 3)
    assert sitemon.check(site).reason is Reason.TIMEOUT
    assert sitemon.check(site, timeout=10.0).outcome is Outcome.UP


def test_a_configured_site_is_known_by_its_name(
    serve: ServerFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sites.yaml").write_text(f"sites: [{{name: shop, url: '{serve(answering(response())).url()}'}}]\n")
    monkeypatch.setenv("CONF_DIR", str(tmp_path))
    assert sitemon.check("shop").site == "shop"
    with pytest.raises(ConfigurationError, match="did you mean shop"):
        sitemon.check("shopp")
    with pytest.raises(ConfigurationError, match="a site has its own"):
        sitemon.check("shop", method="PUT")


@pytest.mark.parametrize("wrong", [{"match": "("}, {"timeout": 0}, {"metod": "PUT"}, {"expect": {"status": "ok"}}])
def test_a_field_that_does_not_fit_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        sitemon.check("http://127.0.0.1:1/", **wrong)


def test_importing_sitemon_is_cheap() -> None:
    code = "import sys; import sitemon; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30).stdout
    assert "sitemon" in shown
    for heavy in ("requests", "msgspec", "ssl", "rich", "click", "email", "celery"):
        assert f"'{heavy}'" not in shown
