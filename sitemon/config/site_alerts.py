"""Who is told of a site, where it says so itself instead of the routes."""

from collections.abc import Collection

from sitemon.config.complaints import Complaints
from sitemon.config.routes import ALIKE, MOST, RouteReader
from sitemon.config.site_values import Context, name
from sitemon.config.values import UnfitError, ValuePath, suggestion
from sitemon.model.alerts import Route


def alerts(value: object, context: Context) -> Route:
    """Return a site's own route: its channels, or a mapping that says more. Raises UnfitError.

    It has none for ``off``, which YAML reads as false.
    """
    if value is False or value == "off":
        return Route(channels=())
    if not isinstance(value, list | dict):
        raise UnfitError(f"expected a list of at most {MOST} channels of alerts.yaml, or off")
    complaints = Complaints()
    reader = RouteReader(complaints, lambda word: (_channel(word, context),))
    if isinstance(value, list):
        route = Route(channels=reader.channels((), value))
    else:
        fields = complaints.mapping((), value)
        complaints.refuse_unknown((), fields, ALIKE)
        route = Route(**reader.read((), fields))
    if not route.channels and not complaints.problems:
        complaints.complain(("channels",) if isinstance(value, dict) else (), "expected a channel at least, or off")
    if complaints.problems:
        raise UnfitError.of(complaints.problems)
    return route


def unknown_channels(own: Route, value: object, known: Collection[str]) -> list[tuple[ValuePath, str]]:
    """Return where in a site's `value`, which was read as `own`, channels stand that nobody knows, each with words."""
    above: ValuePath = ("channels",) if isinstance(value, dict) else ()
    named = [((*above, place), one) for place, one in enumerate(own.channels)]
    for number, step in enumerate(own.escalate):
        named += [(("escalate", number, "channels", place), one) for place, one in enumerate(step.channels)]
    return [(path, f"no channel of this name{suggestion(one, known)}") for path, one in named if one not in known]


def _channel(value: object, context: Context) -> str:
    try:
        return name(value, context)
    except UnfitError as exc:
        raise UnfitError("expected the name of a channel") from exc
