"""Records that can be written in several ways are the same record."""

import pytest

from sitemon.checks.probes.dns import normal


@pytest.mark.parametrize(
    ("record_type", "one", "other"),
    [
        ("AAAA", "2001:db8::1", "2001:0DB8:0:0:0:0:0:1"),
        ("A", " 192.0.2.1", "192.0.2.1"),
        ("CNAME", "WWW.shop.test.", "www.shop.test"),
        ("MX", "10  mail.shop.test.", "10 mail.shop.test"),
        ("MX", "0 .", "0 ."),
        ("SOA", "a.test. b.test. 1 2 3 4 5", "a.test b.test 1 2 3 4 5"),
    ],
)
def test_two_ways_to_write_a_record(record_type: str, one: str, other: str) -> None:
    assert normal(one, record_type) == normal(other, record_type)


@pytest.mark.parametrize(
    ("record_type", "one", "other"),
    [
        ("A", "192.0.2.1", "192.0.2.2"),
        ("MX", "10 a.test", "20 a.test"),
        ("MX", "0 .", "0 a"),
        ("TXT", "Key", "key"),
        ("TXT", "a  b", "a b"),
        ("TXT", "ends.", "ends"),
        ("A", "not-an-address", "192.0.2.1"),
    ],
)
def test_two_records(record_type: str, one: str, other: str) -> None:
    assert normal(one, record_type) != normal(other, record_type)
