"""The names of regions, as configurations may have them: results and events have no others."""

import re
from typing import Annotated, Final

import msgspec

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

Region = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": f"^{_NAME.pattern}$"})]
"""The decoder refuses no other text: its `$` would let a line break pass."""


def is_region(name: str) -> bool:
    """Tell whether a region may have this name: a part of a queue's name and of Kafka's keys."""
    return _NAME.fullmatch(name) is not None
