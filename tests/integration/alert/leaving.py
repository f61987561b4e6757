"""A site that is down when it is taken out of the configuration, and what is said of it later."""

from datetime import timedelta

from sitemon.alert.decide import Decider
from sitemon.alert.rules import Rulebook
from sitemon.incident.gone import GRACE
from sitemon.model.moment import to_ms
from sitemon.model.schedule import Ended, Started
from sitemon.model.site import Site
from sitemon.store.schedule import write_notices
from tests.databases import execute, rows
from tests.integration.alert.receiver import Receiver
from tests.integration.alert.scene import Scene
from tests.integration.store.events import ended, started
from tests.results import MINUTE, this_hour

HOUR_OF_SCENE = 300
"""The minute of `events` at which the hour of a scene begins."""

NOON = this_hour()
SHOP = Site(name="shop", url="https://shop.example/", labels={"team": "web"}, down_after=3)
LASTING = """
SELECT
    (SELECT count(*) FROM sitemon.incident WHERE ended_at IS NULL),
    (SELECT count(*) FROM sitemon.incident WHERE is_held),
    (SELECT count(*) FROM sitemon.degradation)
"""
LATER = 4 + GRACE / MINUTE
"""The minute at which a site is gone that was taken out four minutes after the beginning."""


class Story:
    """A scheduled site; the alerter has it until `edit`, beats until `leave`."""

    def __init__(self, scene: Scene, receiver: Receiver) -> None:
        self.scene = scene
        scene.use(receiver.channel(), events=("down", "resolved", "degraded"))
        self.minute = 0.0
        self.rulebook = Rulebook({"shop": SHOP}, NOON - timedelta(days=1))
        scene.decider = Decider(self.rulebook.rules_of, scene.alerts, lambda: NOON + self.minute * MINUTE)
        self.say(started(HOUR_OF_SCENE))

    def say(self, *events: Started | Ended) -> None:
        write_notices(self.scene.conn, self.scene.names, events)

    def arrive(self, letters: str, start: float = 0, site: str = "shop") -> None:
        self.scene.write(self.scene.results(letters, start, site))
        self.decide()

    def decide(self) -> None:
        self.scene.decide()
        self.scene.decider.release(self.scene.conn)
        self.scene.decider.tell_degraded(self.scene.conn)
        self.scene.send()

    def edit(self, *sites: Site, minute: float = 4) -> None:
        self.rulebook.take_up({site.name: site for site in sites}, NOON + minute * MINUTE)

    def leave(self, minute: float = 4) -> None:
        self.say(ended(HOUR_OF_SCENE + minute))

    def look(self, minute: float, known: float | None = None) -> None:
        """Look, at a minute, at what lasts; all that beats said is known up to then, or to another one."""
        self.minute = minute
        closed_ms = to_ms(NOON + (minute if known is None else known) * MINUTE)
        execute(self.scene.conn, "UPDATE sitemon.account SET closed_ms = %s", (closed_ms,))
        while self.scene.decider.end_gone(self.scene.conn):
            pass
        self.decide()

    @property
    def said(self) -> list[str]:
        return [event["type"] for event in self.scene.receiver.events]

    @property
    def lasting(self) -> tuple[int, int, int]:
        """How many incidents are open, how many wait to be told, and how many sites are degraded."""
        [(opened, held, degraded)] = rows(self.scene.conn, LASTING)
        return opened, held, degraded

    def rename(self, times: int, count: int) -> None:
        """Let an editor rename sites that are down, again and again, and take them out at last."""
        scene = self.scene
        for turn in range(times):
            names = [f"{turn}-{number}" for number in range(count)]
            self.edit(*(Site(name=name, url=SHOP.url) for name in names), minute=turn)
            write_notices(scene.conn, scene.names, [started(HOUR_OF_SCENE, site=name) for name in names])
            scene.arrive(*(one for name in names for one in scene.results("uddd", site=name)))
            write_notices(scene.conn, scene.names, [ended(HOUR_OF_SCENE + 4, name) for name in names])
        self.edit(minute=4)
