"""Where on the page people see more of what they are told. Pure."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote


def linked(event: Mapping[str, Any], page_url: str | None) -> dict[str, Any]:
    """Return an event with the address of what it is about: an incident, a site, or all of them.

    Where nobody says what the page's address is, there is no link.
    """
    data = event["data"]
    if data.get("incident"):
        place = f"/incidents/{data['incident']['id']}"
    else:
        place = f"/sites/{quote(data['site'])}" if data["site"] else "/"
    return {**event, "data": {**data, "link": page_url and page_url + place}}
