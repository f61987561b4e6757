"""A few sites in a database, and the page over it on a real server."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import httpx
from starlette.types import ASGIApp

from sitemon.config.web import WebSettings
from sitemon.config.web_file import Group, Network
from sitemon.model.moment import to_ms
from sitemon.model.result import Result
from sitemon.model.schedule import Started
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.schedule import write_notices
from sitemon.store.write import write_batch
from sitemon.web.server import listen, serve
from sitemon.web.sessions import digest_of
from tests.databases import execute, rows
from tests.results import a_down, a_result, this_hour

TOKEN: Final = "sitemon_of-anna"
BENS: Final = "sitemon_of-ben"
HOSTILE: Final = "<script>alert('1')</script>&\"'\u202e]]>"
HOSTILE_ERROR: Final = '=cmd|"/c calc"!A1 </text><script>alert(2)</script>'
SETTINGS: Final = WebSettings(
    tokens={"anna": digest_of(TOKEN), "ben": digest_of(BENS)},
    session_key="k" * 40,
    public_title="Example status",
    public_text="How our services are.",
    public_logo="EXAMPLE",
    public_link="https://www.example/",
    public_groups=(Group("Shop", {"team": "web"}),),
)
BEARER: Final = {"Authorization": f"Bearer {TOKEN}"}


class Scene:
    """Shop is well, wiki is down with an open incident, intern is nobody's business, and one has a hostile name."""

    def __init__(self, conn: Connection, names: Names) -> None:
        self.conn = conn
        self._names = names
        for name, team in (("shop", "web"), ("wiki", "web"), ("intern", "ops")):
            self.schedule(name, team)
        self.write(*(a_result("shop", minute=minute, kind="monitor") for minute in (-180, -120)))
        self.write(
            a_result("shop"),
            a_result("intern", url="http://10.0.0.5/secret-path", ip="10.0.0.5"),
            a_down("wiki", error="no route to 10.1.2.3"),
        )
        self.schedule(HOSTILE, "web")
        self.write(a_down(HOSTILE, error=HOSTILE_ERROR))
        self.incident_id = self.incident("wiki", this_hour())

    def schedule(self, site: str, team: str, **labels: str) -> None:
        """Let a site be due every six hours, the last time when `this_hour` began: the next is far from any test."""
        said_ms = to_ms(this_hour()) - 3_000
        event = Started(
            site=site,
            region="default",
            token=1,
            sequence=said_ms,
            at_ms=said_ms,
            interval_ms=21_600_000,
            from_slot_ms=to_ms(this_hour()),
            patience_ms=40_000,
            labels={"team": team} | labels,
        )
        write_notices(self.conn, self._names, [event])

    def write(self, *results: Result) -> None:
        write_batch(self.conn, self._names, list(results))

    def incident(self, site: str, started_at: datetime, ended_at: datetime | None = None) -> int:
        """Note an incident, as an alerter does, and return its number."""
        query = """
            INSERT INTO sitemon.incident (site_id, started_at, ended_at, opened_by_at, regions, reason, error)
            SELECT site_id, %s, %s, %s, '{default}', 'timeout', %s FROM sitemon.site WHERE name = %s
            RETURNING incident_id
        """
        ((number,),) = rows(self.conn, query, (started_at, ended_at, started_at, HOSTILE_ERROR, site))
        return int(number)

    def acknowledged_by(self, incident_id: int) -> str | None:
        query = "SELECT acknowledged_by FROM sitemon.incident WHERE incident_id = %s"
        ((name,),) = rows(self.conn, query, (incident_id,))
        return None if name is None else str(name)

    def forget_incidents(self) -> None:
        execute(self.conn, "DELETE FROM sitemon.incident")


@contextmanager
def serving(app: ASGIApp, proxies: Sequence[Network] = ()) -> Iterator[str]:
    """Serve on a port of loopback for the length of the block, and give the address."""
    stop = threading.Event()
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=serve, args=(app, listener, stop, lambda: proxies))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            thread.join(timeout=15)
    assert not thread.is_alive()


def problem(answer: httpx.Response) -> dict[str, Any]:
    """Return what a refusal says; fail when it is none that a program can read."""
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == answer.status_code
    assert found["title"]
    assert found["detail"]
    return found
