"""What one thread of an alerter waits for, or is refused, ends and holds up no other."""

import threading

import msgspec
import pytest

from sitemon import outage
from sitemon.alert import alerter
from sitemon.alert.silence import Heart
from sitemon.backoff import Backoff
from sitemon.model.alerts import Heartbeat
from sitemon.model.errors import RefusedError
from sitemon.store.connect import Connection
from tests.integration.alert.running import Connect, running
from tests.integration.alert.scene import Scene
from tests.pipeline import wait_for


def test_a_channel_that_is_edited_while_postgres_refuses_us_is_taken_up_later(
    scene: Scene, connect_it: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outage, "REFUSED", Backoff(first_s=0.1, longest_s=0.1))
    has_connected, is_refusing = threading.Event(), threading.Event()

    def connect_or_not() -> Connection:
        if is_refusing.is_set():
            raise RefusedError("the password is being changed")
        conn = connect_it()
        has_connected.set()
        return conn

    with running(scene, connect_or_not):
        scene.write(scene.results("uddd"))
        wait_for(lambda: scene.receiver.events)
        is_refusing.set()
        edited = {**scene.alerts.channels, "other": scene.receiver.channel("other")}
        scene.alerts = msgspec.structs.replace(scene.alerts, channels=edited)
        wait_for(lambda: "alerter.postgres_away" in caplog.text)
        has_connected.clear()
        is_refusing.clear()
        assert has_connected.wait(10)


def test_a_heartbeat_that_is_not_answered_holds_up_no_silence(
    scene: Scene, connect_it: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    is_called, may_end = threading.Event(), threading.Event()

    def never_answered(*_: object, **__: object) -> None:
        is_called.set()
        may_end.wait()

    monkeypatch.setattr(alerter, "say_silences", lambda *_: looks.append(1))
    monkeypatch.setattr(alerter, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(Heart, "beat", never_answered)
    scene.alerts = msgspec.structs.replace(scene.alerts, heartbeat=Heartbeat("http://127.0.0.1:9/"))
    with running(scene, connect_it):
        try:
            assert is_called.wait(10)
            before = len(looks)
            wait_for(lambda: len(looks) > before + 1)
        finally:
            may_end.set()


def test_who_waits_for_no_notice_is_told_of_none(scene: Scene, connect_it: Connect) -> None:
    """What is not read fills PostgreSQL's queue of notices, or our memory: any reader may notify."""
    sessions: list[Connection] = []

    def connect_one() -> Connection:
        sessions.append(connect_it())
        return sessions[-1]

    with running(scene, connect_one):
        scene.write(scene.results("uddd"))
        wait_for(lambda: scene.receiver.events)
        wait_for(lambda: sorted(map(listening, sessions)) == [0, 0, 1, 1])


def listening(session: Connection) -> int:
    """Return to how many channels a session listens."""
    with session.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_listening_channels()")
        ((count,),) = cursor.fetchall()
    return int(count)
