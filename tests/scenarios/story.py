"""A story: what comes, moment by moment, what an alerter does about it, and what a receiver got, and when.

No time passes but in the rows: as the story goes on, all that was noted becomes earlier by as much, and who decides is
told what time it is. All else is real: files, rows as a recorder writes them, decisions, requests over HTTP.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from sitemon.alert.decide import Decider
from sitemon.alert.maintenance import Planner
from sitemon.alert.outlets import sender_of
from sitemon.alert.rules import SiteRules, rules_of_site
from sitemon.config.alerts import load_alerts
from sitemon.config.sites import load_sites
from sitemon.model.result import Result
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.outbox import add_channels
from sitemon.store.page_incidents import acknowledge, read_incidents
from sitemon.store.partitions import DEFAULT_RETENTION, make_partitions
from sitemon.store.steps import Steps
from sitemon.store.write import write_batch
from tests.databases import rows
from tests.integration.alert.receiver import Receiver, write_alerts
from tests.integration.alert.scene import pass_time
from tests.results import MINUTE, this_hour
from tests.scenarios.table import Line, lines_of, moment_of, moment_words, results_of, told_by

Fields = Mapping[str, object]

DAY = timedelta(days=1)


class Story:
    """Sites, an alerter, and the receiver of all that it sends: on `hook` and `boss`, webhooks, and to `ops`, people.

    Unless the story says otherwise, a site `shop` is checked each minute, and `hook` hears of it.
    """

    def __init__(self, conn: Connection, receiver: Receiver, folder: Path) -> None:
        self.conn = conn
        self.receiver = receiver
        self.folder = folder
        self.at = timedelta()
        self.begins_at = this_hour() - DAY / 2
        self._names = Names()
        self._is_alone = False
        receiver.clock = lambda: moment_words(self.at)
        self.sites(shop={})
        self.routes({"channels": ["hook"]})

    def begins(self, moment: datetime) -> None:
        """Let the story begin at another moment than half a day ago, and end before now: what lies ahead waits."""
        self.begins_at = moment
        make_partitions(Steps(self.conn), moment, DEFAULT_RETENTION)

    def sites(self, **sites: Fields) -> None:
        """Let these sites be configured from now on, each with some fields of its own."""
        listed = [{"name": name, "url": f"https://{name}.example/", **fields} for name, fields in sites.items()]
        file = self.folder / "sites.yaml"
        file.write_text(json.dumps({"defaults": {"interval": "1m"}, "sites": listed}))
        self._sites = load_sites({}, file)
        self._planner = Planner(lambda: self._sites, self._now)

    def routes(self, *routes: Fields) -> None:
        """Let events take these routes from now on."""
        people = {"apprise": self.receiver.people("ops").url}
        write_alerts(self.folder, {"hook": self.receiver, "boss": self.receiver, "ops": people}, routes=routes)
        self.alerts = load_alerts({"CONF_DIR": str(self.folder)})
        self.senders = [sender_of(channel, str) for channel in self.alerts.channels.values()]
        add_channels(self.conn, [*self.alerts.channels])

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let the story have no alerter meanwhile."""
        self._is_alone = True
        yield
        self._is_alone = False

    def plays(self, table: str) -> None:
        """Let results come, each when its check has ended, and let the alerter work each time: see `results_of`."""
        for moment, results in self._coming(table):
            self._is_at(moment, results)

    def brings_late(self, table: str) -> None:
        """Let results come now, whenever their checks were."""
        self._is_at(self.at, [result for _, results in self._coming(table) for result in results])

    def goes_on_until(self, moment: str, every: timedelta = MINUTE) -> None:
        """Let time pass, and let the alerter work each time that so much has passed."""
        while self.at < moment_of(moment):
            self._is_at(min(self.at + every, moment_of(moment)))

    def _is_at(self, moment: timedelta, results: Sequence[Result] = ()) -> None:
        """Let it be this moment, at which these results are recorded, and the alerter works, if there is one."""
        if moment > self.at:
            pass_time(self.conn, moment - self.at)
            self.at = moment
        write_batch(self.conn, self._names, results)
        if not self._is_alone:
            self.works()

    def works(self) -> None:
        """Let the alerter do all that it does over and over."""
        self._planner.plan_if_due(self.conn)
        while not self._planner.is_done:
            self._planner.plan_if_due(self.conn)
        # One that looked at the regions just now does not look again: each step has an alerter that has just started.
        self._decider().remind(self.conn)
        self._decider().warn_of_certificates(self.conn)
        self._decider().look_at_regions(self.conn)
        decider = self._decider()
        while decider.decide(self.conn):
            pass
        decider.release(self.conn)
        decider.tell_degraded(self.conn)
        for sender in self.senders:
            while sender.send_due(self.conn):
                pass

    def acknowledges(self, by: str) -> None:
        """Let somebody say that they know of the only open incident."""
        [incident] = read_incidents(self.conn, state="open")
        assert acknowledge(self.conn, incident.incident_id, by)

    @property
    def told(self) -> list[Line]:
        """What the receiver got: when, what, on which channel, of whom, and what it says."""
        return [told_by(arrival, self.begins_at) for arrival in self.receiver.arrivals]

    @property
    def asked(self) -> list[Line]:
        """The confirming checks that wait to be asked for: when, of which site, where."""
        query = (
            "SELECT slot_at, site.name, region FROM sitemon.confirming JOIN sitemon.site USING (site_id) ORDER BY 1, 3"
        )
        return [(moment_words(slot_at - self.begins_at), *where) for slot_at, *where in rows(self.conn, query)]

    def _coming(self, table: str) -> Iterator[tuple[timedelta, list[Result]]]:
        """Yield moments, in order, with what comes at each."""
        intervals = {site.name: timedelta(milliseconds=site.interval_ms) for site in self._sites.sites}
        coming = [one for line in lines_of(table) for one in results_of(line, self.begins_at, intervals)]
        moment = itemgetter(0)
        for at, of_moment in groupby(sorted(coming, key=moment), moment):
            yield at, [result for _, result in of_moment]

    def _decider(self) -> Decider:
        return Decider(self._rules_of, self.alerts, self._now)

    def _rules_of(self, name: str) -> SiteRules:
        return rules_of_site(self._sites.by_name.get(name), self._sites.by_name)

    def _now(self) -> datetime:
        return self.begins_at + self.at
