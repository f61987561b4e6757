"""Where a URL leads."""

import pytest

from sitemon.model.target import Question, Target, question_of, target_of


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://shop.test/a?b", Target("shop.test", 80)),
        ("https://me:pw@Shop.test/", Target("shop.test", 443)),
        ("https://[::1]:8443/", Target("::1", 8443)),
        ("tcp://shop.test:5432", Target("shop.test", 5432)),
        ("tls://[2001:db8::1]:993", Target("2001:db8::1", 993)),
        ("dns://192.0.2.53/shop.test", Target("192.0.2.53", 53)),
        ("dns://192.0.2.53:5353/shop.test?type=MX", Target("192.0.2.53", 5353)),
    ],
)
def test_a_url_leads_to_a_host_and_a_port(url: str, target: Target) -> None:
    assert target_of(url) == target


@pytest.mark.parametrize(
    "url", ["tcp://shop.test", "tls://shop.test", "http://", "tcp://:22", "http://a:0/", "http://a:x/"]
)
def test_a_url_that_leads_nowhere_is_none(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        target_of(url)


@pytest.mark.parametrize(
    ("url", "question"),
    [
        ("dns://192.0.2.53/shop.test", Question("shop.test", "A")),
        ("dns://192.0.2.53/shop.test.?type=mx", Question("shop.test", "MX")),
        ("dns://192.0.2.53/_dmarc.shop.test?type=TXT", Question("_dmarc.shop.test", "TXT")),
        ("dns://192.0.2.53/0%2F25.2.0.192.in-addr.arpa?type=PTR", Question("0/25.2.0.192.in-addr.arpa", "PTR")),
        ("dns://192.0.2.53/.?type=NS", Question(".", "NS")),
        ("dns://192.0.2.53/k%C3%A4se.test", Question("xn--kse-qla.test", "A")),
        ("dns://192.0.2.53/käse.test", Question("xn--kse-qla.test", "A")),
    ],
)
def test_a_dns_url_asks_for_records_of_a_name(url: str, question: Question) -> None:
    assert question_of(url) == question


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "/",
        "/a..b",
        "/a b",
        "/a/b",
        "/shop.test?type=ANY",
        "/shop.test?type=",
        "/shop.test?typ=A",
        "/shop.test?type",
        "/%ff",
        f"/{'a' * 64}.test",
        "/" + ".".join(["a" * 60] * 5),
    ],
)
def test_what_is_no_question_is_none(rest: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        question_of(f"dns://192.0.2.53{rest}")
