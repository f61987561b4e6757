"""The configuration that a page shows holds no secret."""

from sitemon.config.sites import site_from_fields
from sitemon.web.configuration import configuration_of


def test_every_secret_is_masked_and_what_is_plain_is_shown() -> None:
    site = site_from_fields(
        {
            "name": "shop",
            "url": "https://ann:hush-1@shop.example/health?key=hush-2",
            "method": "POST",
            "headers": {"X-Key": "${KEY}", "X-Literal": "hush-4", "Accept": "text/html", "Cookie": "hush-5"},
            "auth": {"bearer": "hush-6"},
            "body": "hush-7",
            "proxy": "http://bob:hush-8@proxy.example:3128",
            "match": "in stock",
            "expect": {"status": [200, 404], "max_latency": "500ms"},
        },
        {"KEY": "hush-3"},
    )
    shown = dict(configuration_of(site))
    assert "hush" not in str(shown)
    assert shown["url"] == "https://shop.example/health"
    assert "x-key: ***" in shown["headers"].lower()
    assert "accept: text/html" in shown["headers"].lower()
    assert shown["proxy"] == "proxy.example:3128 (***)"
    assert (shown["match"], shown["expect.status"], shown["expect.max_latency"]) == (
        "in stock",
        "200-200, 404-404",
        "0.5 s",
    )


def test_who_is_told_and_when_is_shown() -> None:
    fields = {
        "name": "shop",
        "url": "https://shop.example/",
        "alerts": ["ops", "hook"],
        "remind_every": "2h",
        "confirm": False,
        "maintenance": [{"rrule": "FREQ=WEEKLY;BYDAY=SU", "start": "02:00", "duration": "2h"}],
        "depends_on": ["gateway"],
        "slo": 99.9,
    }
    shown = dict(configuration_of(site_from_fields(fields, {})))
    assert {name: shown[name] for name in list(fields)[2:]} == {
        "alerts": "ops, hook",
        "remind_every": "2 h",
        "confirm": "false",
        "maintenance": "FREQ=WEEKLY;BYDAY=SU, 02:00 UTC for 2 h",
        "depends_on": "gateway",
        "slo": "99.9 %",
    }


def test_a_sites_own_route_is_shown() -> None:
    own = {"channels": ["ops"], "events": ["down"], "escalate": [{"after": "15m", "channels": ["boss", "hook"]}]}
    shown = dict(configuration_of(site_from_fields({"name": "a", "url": "https://a/", "alerts": own}, {})))
    assert (shown["alerts"], shown["alerts.events"]) == ("ops", "down")
    assert shown["alerts.escalate"] == "boss, hook after 15 min"


def test_a_site_of_which_nobody_is_told_or_reminded_says_so() -> None:
    plain = dict(configuration_of(site_from_fields({"name": "shop", "url": "https://shop.example/"}, {})))
    assert (plain["alerts"], "remind_every" in plain) == ("", False)
    quiet = {"name": "shop", "url": "https://shop.example/", "alerts": "off", "remind_every": 0}
    shown = dict(configuration_of(site_from_fields(quiet, {})))
    assert (shown["alerts"], shown["remind_every"]) == ("off", "never")
