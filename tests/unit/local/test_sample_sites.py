"""The sample sites are a configuration that sitemon accepts."""

from pathlib import Path

from sitemon import clock
from sitemon.config.sites import load_sites
from sitemon.local.certificates import Authority
from sitemon.local.sample import INTERVAL_S, SAMPLES, sites_yaml


def test_every_sample_is_a_site_with_its_own_url(tmp_path: Path) -> None:
    file = tmp_path / "sites.yaml"
    Authority(tmp_path, clock.utc_now())
    file.write_text(sites_yaml({"http": 1001, "expiring": 1002, "expired": 1003, "refused": 1004}))
    sites = load_sites({"SITEMON_SITES": str(file)}).by_name
    assert list(sites) == [sample.name for sample in SAMPLES]
    assert sites["good"].url == "http://127.0.0.1:1001/good"
    assert sites["refused"].url == "http://127.0.0.1:1004/"
    assert sites["expired"].url == "https://127.0.0.1:1003/good"
    assert sites["expired"].tls.ca_file == str(tmp_path / "ca.pem")
    assert {site.interval_ms for site in sites.values()} == {INTERVAL_S * 1000}
