"""A file of thresholds to try, and all of its mistakes with their lines."""

from pathlib import Path

import pytest

from sitemon.config.rules import load_rules
from sitemon.incident.policy import Policy
from sitemon.model.errors import ConfigurationError

GOOD = """
defaults: {down_after: 5}
sites:
  - {name: shop, down_after: 2, up_after: 3}
  - {name: "https://example.org/", up_after: 2}
"""


def file_of(folder: Path, content: str) -> str:
    file = folder / "rules.yaml"
    file.write_text(content)
    return str(file)


def test_a_site_that_is_named_has_its_own_thresholds_and_every_other_site_the_defaults(tmp_path: Path) -> None:
    rules = load_rules(file_of(tmp_path, GOOD), {})
    assert rules.policy("shop", Policy(down_after=4, up_after=1)) == Policy(down_after=2, up_after=3)
    assert rules.policy("https://example.org/", Policy()) == Policy(down_after=5, up_after=2)
    assert rules.policy("other", Policy(down_after=4, up_after=2)) == Policy(down_after=5, up_after=2)


def test_a_bare_name_is_found_in_conf_dir(tmp_path: Path) -> None:
    file_of(tmp_path, GOOD)
    assert load_rules("rules.yaml", {"CONF_DIR": str(tmp_path)}).source.endswith("rules.yaml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "rules.yaml: says nothing: expected down_after or up_after, under defaults or of a site"),
        ("sites: [{name: shop}]", "rules.yaml:1: says nothing"),
        ("defaults:\n  down_after: 0", "rules.yaml:2: defaults.down_after: expected a whole number from 1 to 100"),
        ("defaults:\n  timeout: 3s", "rules.yaml:2: defaults.timeout: expected down_after or up_after: recorded rows"),
        ("default: {down_after: 2}", "rules.yaml:1: default: unknown field; did you mean defaults?"),
        ("sites:\n- {down_after: 2}", "rules.yaml:2: sites[0]: name: missing"),
        ("sites:\n- {name: 3, down_after: 2}", "rules.yaml:2: sites[0]: name: expected text"),
        ("sites:\n- {name: a, up_after: 2}\n- {name: a, up_after: 3}", "rules.yaml:3: sites[1].name: a stands twice"),
        ("sites: {shop: {}}", "rules.yaml:1: sites: expected a list, not a mapping"),
        ("- 3", "rules.yaml:1: expected a mapping, not a list"),
        ("defaults: ]", "rules.yaml:1: not valid YAML"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        load_rules(file_of(tmp_path, content), {})
    assert said in str(told.value)


def test_all_mistakes_are_told_and_nobody_is_sent_to_lint(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as told:
        load_rules(file_of(tmp_path, "defaults: {down_after: x}\nsites: 3"), {})
    assert "rules.yaml:1: defaults.down_after" in str(told.value)
    assert "rules.yaml:2: sites" in str(told.value)
    assert "lint" not in str(told.value)


def test_a_site_of_which_nothing_is_recorded_is_a_mistake(tmp_path: Path) -> None:
    rules = load_rules(file_of(tmp_path, GOOD), {})
    rules.require({"shop", "https://example.org/"})
    with pytest.raises(ConfigurationError, match=r"rules\.yaml:4: .*nothing is recorded of shop; did you mean shops\?"):
        rules.require({"shops", "https://example.org/"})


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not found in"):
        load_rules(str(tmp_path / "none.yaml"), {})
