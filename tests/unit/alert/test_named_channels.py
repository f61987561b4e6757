"""Channels that sites name and that are not there: refused at the start, said once when an edit brings them."""

from pathlib import Path

import pytest

from sitemon.alert.named_channels import NamedChannels
from sitemon.config.sites import SiteSet, load_sites
from sitemon.model.alerts import Alerts, Channel
from sitemon.model.errors import ConfigurationError

OPS = Alerts(channels={"ops": Channel(name="ops", kind="apprise", url="json://x")})


@pytest.fixture
def sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SiteSet:
    """A site that names the channel ops, and one that names none."""
    monkeypatch.setenv("CONF_DIR", str(tmp_path))
    words = "sites:\n- {name: a, url: http://a/}\n- {name: b, url: http://b/, alerts: [ops]}\n"
    (tmp_path / "sites.yaml").write_text(words)
    return load_sites()


def test_at_the_start_it_is_a_mistake_with_its_line(sites: SiteSet) -> None:
    with pytest.raises(ConfigurationError, match=r"sites\.yaml:3: b: alerts\[0\]: no channel of this name"):
        NamedChannels(sites, Alerts())


def test_an_edit_that_takes_a_channel_away_is_said_once(sites: SiteSet, caplog: pytest.LogCaptureFixture) -> None:
    named, without = NamedChannels(sites, OPS), Alerts()
    named.look(sites, OPS)
    assert caplog.messages == []
    named.look(sites, without)
    named.look(sites, without)
    assert caplog.messages == [
        "alerter.unknown_channels: 1 of the sites name channels that are not there, such as b: sitemon lint"
    ]
