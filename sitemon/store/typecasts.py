"""How moments and numbers are read: whoever may write rows can write such as Python or a chart has none for."""

from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final, cast

from psycopg2.extensions import FLOAT, PYDATETIMETZ, connection, new_array_type, new_type, register_type

_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_FLOAT_ARRAYS: Final = (1021, 1022)
_TIMESTAMPTZ_ARRAY: Final = (1185,)


def _moment(text: str | bytes | None, cursor: Any) -> datetime | None:
    """Read a moment; what is beyond the years 1 to 9999 as what has no end is read."""
    try:
        return cast("datetime | None", PYDATETIMETZ(text, cursor))
    except ValueError:
        return _FIRST if str(text).endswith("BC") else _LAST


def _finite(text: str | bytes | None, cursor: Any) -> float | None:
    """Read a floating-point number; what is none, or has no end, as NULL."""
    value = cast("float | None", FLOAT(text, cursor))
    return value if value is not None and isfinite(value) else None


_MOMENT: Final = new_type(PYDATETIMETZ.values, "MOMENT", _moment)
_FINITE: Final = new_type(FLOAT.values, "FINITE", _finite)
_TYPES: Final = (
    _MOMENT,
    new_array_type(_TIMESTAMPTZ_ARRAY, "MOMENTS", _MOMENT),
    _FINITE,
    new_array_type(_FLOAT_ARRAYS, "FINITES", _FINITE),
)


def register_types(conn: connection) -> None:
    """Have all that a connection reads be read so."""
    for one in _TYPES:
        register_type(one, conn)
