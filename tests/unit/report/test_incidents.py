"""What `sitemon incidents` prints of each."""

import pytest
from rich.console import Console

from sitemon.report.incidents import incidents_table
from sitemon.store.page_incidents import Incident
from tests.results import this_hour


@pytest.mark.parametrize(
    ("count", "words"), [(1, "eu-0"), (10, "eu-8, eu-9"), (11, "eu-8, eu-9 and 1 more"), (99, "eu-8, eu-9 and 89 more")]
)
def test_a_few_regions_are_named(count: int, words: str) -> None:
    now = this_hour()
    regions = [f"eu-{n}" for n in range(count)]
    one = Incident(1, "shop", now, None, regions, "timeout", None, None, now, None, None, None, None)
    console = Console(width=200)
    with console.capture() as printed:
        console.print(incidents_table([one], now))
    assert f"{words}  timeout" in printed.get()
    assert "eu-10" not in printed.get()
