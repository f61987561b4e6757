"""A service takes so much at once: who is told of several sites there is told of each."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from sitemon.alert.outlets import sender_of
from sitemon.apprise_services import Service
from sitemon.model.alerts import Channel
from sitemon.model.outcome import Outcome
from tests.databases import rows
from tests.integration.alert.scene import Scene
from tests.results import a_result

A_MINUTE_H = 1 / 60
_DISCORD = f"discord://{'1' * 18}/{'a' * 68}"
SERVICES = {
    "Discord": _DISCORD,
    "Discord in Markdown": f"{_DISCORD}?format=markdown",
    "Telegram": "tgram://123456789:abcdefg_hijklmnop/12315544/",
    "Teams": f"workflow://outlook.office.com/{'a' * 32}/{'b' * 43}",
    "Mattermost": f"mmosts://localhost/{'c' * 32}",
    "an SMS": f"d7sms://{'t' * 20}@15551231234",
}


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What services were sent."""
    posted: list[str] = []

    def post(*_: Any, **request: Any) -> SimpleNamespace:
        posted.append(str(request.get("data") or request.get("json")))
        return SimpleNamespace(status_code=200, content=b'{"ok": true}', text='{"ok": true}', headers={})

    monkeypatch.setattr(requests, "post", post)
    return posted


def tell_of(scene: Scene, sites: list[str], length: int) -> None:
    """Let sites with URLs of so many characters fail, the last of them after the others, and tell of it."""
    url = f"http://shop.example/{'x' * length}"
    outcomes = [Outcome.UP, *[Outcome.DOWN] * 3]
    for some in (sites[:-1], sites[-1:]):
        for minute, outcome in enumerate(outcomes):
            scene.write([a_result(site, url=url, minute=minute, outcome=outcome) for site in some])
        scene.decide()
    scene.pass_time(hours=A_MINUTE_H)
    scene.send()


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(("count", "length"), [(4, 1_900), (4, 7_900), (4, 10), (25, 10)])
def test_each_site_is_named_where_it_is_marked_as_delivered(
    scene: Scene, posted: list[str], service: str, count: int, length: int
) -> None:
    scene.use(Channel(name="chat", kind="apprise", url=SERVICES[service]))
    sites = [*(f"evil{number}" for number in range(count)), "victim"]
    tell_of(scene, sites, length)
    assert rows(scene.conn, "SELECT DISTINCT state FROM sitemon.alerts") == [("delivered",)]
    if service == "an SMS" and count == 25:
        assert len(posted) == 1
        assert "26 sites are down" in posted[0]
    else:
        assert len(posted) <= 5
        assert [site for site in sites if not any(f"{site} is down" in text for text in posted)] == []


def test_of_very_many_sites_of_one_file_some_are_named_and_each_of_another_file(
    scene: Scene, posted: list[str]
) -> None:
    channel = Channel(name="chat", kind="apprise", url=SERVICES["Teams"])
    scene.use(channel)
    scene.senders = [sender_of(channel, lambda site: site[:4])]
    tell_of(scene, [*(f"evil{number:03}" for number in range(249)), "victim"], 10)
    [text] = posted
    assert "250 sites are down: evil000, victim, evil001, \\u2026" in text
    assert "victim is down" in text
    assert " more: sitemon incidents" in text


@pytest.mark.parametrize("count", [5, 25, 150])
@pytest.mark.parametrize("others", [1, 8])
def test_long_names_of_one_file_take_nobody_out_of_an_sms(
    scene: Scene, posted: list[str], count: int, others: int
) -> None:
    channel = Channel(name="chat", kind="apprise", url=SERVICES["an SMS"])
    scene.use(channel)
    scene.senders = [sender_of(channel, lambda site: site[:4])]
    victims = [f"vic{number}tim" for number in range(others)]
    tell_of(scene, [*(f"evil{number:03}{'x' * 190}" for number in range(count)), *victims], 10)
    assert rows(scene.conn, "SELECT DISTINCT state FROM sitemon.alerts") == [("delivered",)]
    assert [site for site in victims if not any(f"{site} is down" in text for text in posted)] == []
    assert len(posted) <= 5


def test_what_did_not_fit_waits_while_the_service_takes_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, posted: list[str]
) -> None:
    scene.use(scene.receiver.people())
    monkeypatch.setattr(Service, "fits", lambda _service, _subject, body: body.count(" is down") <= 2)
    monkeypatch.setattr("sitemon.alert.message._MOST_PARAGRAPHS", 1)
    scene.receiver.answers = [(204, {}), (500, {})]
    tell_of(scene, ["a", "b", "c", "d", "e"], 10)
    states = "SELECT site, state FROM sitemon.alerts ORDER BY site"
    assert [state for _, state in rows(scene.conn, states)] == ["delivered"] * 2 + ["waiting"] * 3
    scene.pass_time(hours=A_MINUTE_H)
    scene.send()
    assert [subject for subject, _ in scene.receiver.read] == [
        "2 sites are down: a, b",
        "2 sites are down: c, d",
        "e is down: timeout",
    ]
    assert {state for _, state in rows(scene.conn, states)} == {"delivered"}


@pytest.mark.parametrize("words", ["@everyone", "<@&123>", "<@123>", "@here"])
@pytest.mark.parametrize(
    "service",
    [
        _DISCORD,
        SERVICES["Discord in Markdown"],
        f"fluxer://0123456789/{'a' * 68}",
        f"notifiarr://{'k' * 18}/123456789",
    ],
)
def test_no_url_calls_anybody(scene: Scene, posted: list[str], service: str, words: str) -> None:
    scene.use(Channel(name="chat", kind="apprise", url=service), group_for_s=0.0)
    url = f"http://evil.example/{words}"
    outcomes = [Outcome.UP, *[Outcome.DOWN] * 3]
    scene.arrive(*[a_result("evil", url=url, minute=minute, outcome=one) for minute, one in enumerate(outcomes)])
    [text] = posted
    assert "@" not in json.dumps(json.loads(text))
    assert "allow_mentions" not in text
