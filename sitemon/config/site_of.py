"""Whom a person means: a configured site by its name, or any URL."""

from collections.abc import Mapping

from sitemon.config.sites import SiteSet, site_from_fields
from sitemon.config.values import suggestion
from sitemon.model.errors import ConfigurationError, Mistake
from sitemon.model.site import Site


def site_of(name_or_url: object, sites: SiteSet) -> Site:
    """Return the configured site of this name, else a site for this URL.

    Raises:
        ConfigurationError: it is neither. It may be anything, as it comes in a message.

    """
    if not isinstance(name_or_url, str):
        raise ConfigurationError(f"expected the name of a site or a URL, not {type(name_or_url).__name__}")
    if is_url(name_or_url):
        return site_of_url(name_or_url, {})
    known = sites.by_name.get(name_or_url)
    if known is None:
        near = suggestion(name_or_url, sites.by_name)
        sites_there = f"no site of {sites.source}{near}" if sites.by_name else "no sites are configured"
        problem = f"not a URL such as https://example.org/, and {sites_there}"
        raise ConfigurationError([Mistake("", None, _shown(name_or_url), problem)])
    return known


def is_url(name_or_url: str) -> bool:
    """Tell a URL from a name, in which there is no colon."""
    return "://" in name_or_url


def site_of_url(url: str, fields: Mapping[str, object]) -> Site:
    """Return a site for a URL, with further fields as in a sites file; its public form is its name.

    Raises:
        ConfigurationError: the URL or a field is not one that can be checked.

    """
    return site_from_fields({**fields, "url": url})


def _shown(word: str) -> str:
    """Return what was asked for without what may be a secret in it, should it be half a URL."""
    return word.partition("?")[0].rpartition("@")[2][:200]
