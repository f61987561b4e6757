"""A result as `sitemon check` shows it, in plain text: for the page, not for a terminal."""

import io
from datetime import datetime
from typing import Final

from rich.console import Console

from sitemon.model.one_line import one_line
from sitemon.model.result import Result
from sitemon.report.check import report

_WIDTH: Final = 100


def plain_report(result: Result, now: datetime) -> str:
    """Return the same as `sitemon.report.check.report` as lines without colours, which do nothing but be read."""
    written = io.StringIO()
    Console(file=written, width=_WIDTH, color_system=None).print(report(result, now), markup=False)
    return "\n".join(one_line(line.rstrip()) for line in written.getvalue().splitlines())
