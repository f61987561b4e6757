"""One check now, from Python: no broker, no database, no engine."""

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from sitemon.checks.findings import Observation
from sitemon.checks.net.dialer import dialer_for
from sitemon.checks.net.resolver import Resolver
from sitemon.checks.probes.by_scheme import visit
from sitemon.checks.result_of import result_of
from sitemon.checks.waiting import IN_THREAD, run_here
from sitemon.clock import utc_now
from sitemon.config.settings import settings
from sitemon.config.site_of import is_url, site_of, site_of_url
from sitemon.config.sites import load_sites
from sitemon.model.errors import ConfigurationError, Mistake
from sitemon.model.result import Kind, Result
from sitemon.model.site import Site


class _Usual(float):
    """A default that is told apart from the same number when somebody gives it."""


_USUAL_TIMEOUT: Final = _Usual(10.0)
_resolver: Final = Resolver()


def check(
    url_or_site: str | Site, *, match: str | None = None, timeout: float = _USUAL_TIMEOUT, **site_fields: Any
) -> Result:
    """Check a URL or a site now, in this thread, and return what was found; that it is down raises nothing.

    Args:
        url_or_site: a URL, the name of a configured site (read as the environment says), or a `Site`.
        match: an RE2 regex that must be found in the page.
        timeout: seconds for the whole check; given, it wins over a site's own, else it is for URLs only.
        site_fields: with a URL, further fields of a site as in a sites file: ``headers={"X-Team": "web"}``,
            ``expect={"status": [200, 404]}``, ``tls={"verify": False}``.

    Raises:
        ConfigurationError: the URL, the name, the regex or a field is not one that can be checked.

    """
    asked_at = utc_now()
    timeout_s = None if isinstance(timeout, _Usual) else timeout
    site = chosen_site(url_or_site, match=match, timeout_s=timeout_s, fields=site_fields)
    return adhoc_result(site, observe(site), asked_at)


def chosen_site(
    url_or_site: str | Site, *, match: str | None, timeout_s: float | None, fields: Mapping[str, object]
) -> Site:
    """Return the site that somebody wants checked; None leaves what a site has, or the default.

    Raises:
        ConfigurationError: the URL, the name, the regex or a field is not one that can be checked.

    """
    given = {name: value for name, value in (("match", match), ("timeout", timeout_s)) if value is not None}
    if isinstance(url_or_site, str) and is_url(url_or_site):
        return site_of_url(url_or_site, {**fields, **given})
    if fields:
        problem = "only a URL takes further fields: a site has its own"
        raise ConfigurationError([Mistake("", None, min(fields), problem)])
    site = url_or_site if isinstance(url_or_site, Site) else site_of(url_or_site, load_sites())
    return _changed(site, given) if given else site


def _changed(site: Site, given: Mapping[str, object]) -> Site:
    fit = site_of_url(site.url, given)
    return msgspec.structs.replace(
        site,
        match=fit.match if "match" in given else site.match,
        timeout_s=fit.timeout_s if "timeout" in given else site.timeout_s,
    )


def observe(site: Site) -> Observation:
    """Visit the site now, in this thread, wherever the environment allows it to lead.

    Raises:
        ConfigurationError: what the environment says of addresses cannot be understood.

    """
    return run_here(visit(site, dialer_for(settings(os.environ), _resolver), IN_THREAD))


def adhoc_result(site: Site, observation: Observation, asked_at: datetime) -> Result:
    """Return the result of a check that somebody asked for at this moment, in this process' region.

    Raises:
        ConfigurationError: ``SITEMON_REGION`` is not a region's name.

    """
    region = settings(os.environ).region
    return result_of(observation, site, region=region, kind=Kind.ADHOC, slot_at=asked_at)
