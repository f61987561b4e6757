"""A configuration error is one line that says enough: how many more `sitemon lint` tells, or all there are."""

import pytest

from sitemon.model.errors import ConfigurationError, Mistake

IN_FILE = Mistake("conf/sites.yaml", 3, "shop: url", "missing")
IN_ENVIRONMENT = Mistake("SITEMON_REGION", None, "", "expected text")
IN_CALL = Mistake("", None, "match", "not a valid regex")


@pytest.mark.parametrize(
    ("mistakes", "said"),
    [
        ([IN_FILE], "conf/sites.yaml:3: shop: url: missing"),
        ([IN_FILE, IN_ENVIRONMENT, IN_FILE], "conf/sites.yaml:3: shop: url: missing (2 more: sitemon lint)"),
        ([IN_ENVIRONMENT, IN_FILE], "SITEMON_REGION: expected text (1 more: sitemon lint)"),
        ([IN_CALL, Mistake("", None, "url", "missing")], "match: not a valid regex; url: missing"),
    ],
)
def test_its_text_is_one_line(mistakes: list[Mistake], said: str) -> None:
    assert str(ConfigurationError(mistakes)) == said


def test_its_text_alone_makes_it_again() -> None:
    error = ConfigurationError([IN_FILE, IN_FILE])
    assert str(ConfigurationError(str(error))) == str(error)
