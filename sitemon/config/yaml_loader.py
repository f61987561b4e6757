"""YAML of configuration files: as PyYAML reads it, but for its numbers.

YAML 1.1 has numbers in base 60, which take the square of their length to read. YAML 1.2 has none: ``12:30`` is text.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import yaml

_INT: Final = "tag:yaml.org,2002:int"
_FLOAT: Final = "tag:yaml.org,2002:float"
_LONGEST_NUMBER: Final = 1_000
"""In characters: Python writes none of more than 4,300 digits."""

# Ten times as fast; there is none where PyYAML was built without libyaml.
_Fast: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Loader(_Fast):  # type: ignore[misc]  # which of the two it is, is known when it runs
    """Reads one document."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the base class has it
        first: [(tag, regex) for tag, regex in resolvers if tag not in (_INT, _FLOAT)]
        for first, resolvers in _Fast.yaml_implicit_resolvers.items()
    }


def _bounded(construct: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def construct_bounded(loader: Any, node: yaml.Node) -> Any:
        written = loader.construct_scalar(node)
        if len(written) > _LONGEST_NUMBER or ":" in written or not written.strip("+-_"):
            raise yaml.constructor.ConstructorError(None, None, "a number is not one, or too long", node.start_mark)
        return construct(loader, node)

    return construct_bounded


Loader.add_implicit_resolver(
    _INT, re.compile(r"[-+]?(?:0b[0-1_]+|0x[0-9a-fA-F_]+|0[0-7_]+|0|[1-9][0-9_]*)\Z"), list("-+0123456789")
)
Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(
        r"(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
    ),
    list("-+0123456789."),
)
Loader.add_constructor(_INT, _bounded(_Fast.construct_yaml_int))
Loader.add_constructor(_FLOAT, _bounded(_Fast.construct_yaml_float))
