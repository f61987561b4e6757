"""Names under which the page answers."""

from pathlib import Path

import pytest

from sitemon.web.own_hosts import name_that_leads_here, names_in

HERE = ("127.0.0.1", 8080)


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("evil.example:8080", HERE),
        ("EVIL.example.:8080", HERE),
        ("evil.example:8080", ("127.0.1.1", 8080)),
        ("evil.example:8080", ("::1", 8080)),
        ("evil.example:8080", ("::ffff:127.0.0.1", 8080)),
        ("evil.example:8080", ("not known", 8080)),
    ],
)
def test_a_name_of_anybody_may_have_led_a_browser_here(host: str, server: tuple[str, int]) -> None:
    assert name_that_leads_here(host, server) == "evil.example"


@pytest.mark.parametrize("name", ["127.0.0.1.nip.example", "localhost.evil.example", "evil.notlocalhost", "1.2.3"])
def test_what_only_looks_like_an_address_or_a_name_of_ours_is_one_of_anybody(name: str) -> None:
    assert name_that_leads_here(f"{name}:8080", HERE) == name


@pytest.mark.parametrize(
    "name",
    [
        "127.0.0.1",
        "10.1.2.3",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "localhost.",
        "sitemon",
        "",
        "a.localhost",
        "a.local",
        "a.b.internal",
    ],
)
def test_none_of_anybody_is_an_address_or_a_name_that_is_not_to_be_had(name: str) -> None:
    assert name_that_leads_here(f"{name}:8080", HERE) is None


@pytest.mark.parametrize("host", ["status.example", "status.example:443", "status.example:", "[::1]", ""])
def test_what_a_proxy_passes_on_has_not_our_port(host: str) -> None:
    assert name_that_leads_here(host, HERE) is None


@pytest.mark.parametrize("address", ["10.1.2.3", "203.0.113.7", "::ffff:10.1.2.3", "2001:db8::1"])
def test_an_address_that_is_not_loopback_may_have_any_name(address: str) -> None:
    assert name_that_leads_here("sitemon.monitoring:8080", (address, 8080)) is None


def test_the_names_of_a_file_of_hosts_are_this_machines(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_bytes(b"127.0.0.1 localhost\n127.0.1.1\tBox.Example box # not.this\n\n# nor.this\n::1\n\xff x\n")
    assert names_in(file) == {"localhost", "box.example", "box", "x"}


def test_without_such_a_file_there_are_none(tmp_path: Path) -> None:
    assert names_in(tmp_path / "hosts") == frozenset()


def test_of_a_long_file_of_hosts_the_beginning_is_read(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("127.0.1.1 box.example\n" + "0.0.0.0 blocked.example\n" * 10_000 + "127.0.0.1 last.example\n")
    assert names_in(file) >= {"box.example", "blocked.example"}
    assert "last.example" not in names_in(file)
