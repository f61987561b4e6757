"""Where others may add sites, none of them has what lies in the folder of another's file."""

from pathlib import Path

import pytest

from sitemon.checks.net.tls_contexts import context_for
from sitemon.config.sites import load_sites
from sitemon.config.sites_watcher import SitesWatcher
from sitemon.model.errors import ConfigurationError
from sitemon.model.site import Site
from tests.integration.checks.certificates import new_authority, write_chain
from tests.unit.config.test_watcher import logged
from tests.unit.config.test_watcher import write as replace

OURS = new_authority("ours")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of sites with our certificates, and files of sites that name nothing yet."""
    folder = tmp_path / "sites.d"
    for name in ("", "ours", "theirs"):
        (folder / name).mkdir(parents=True)
        write_chain(folder / name, OURS).rename(folder / name / "own.pem")
    for name in ("ours", "theirs"):
        write(folder / f"{name}.yaml", name, "")
    return folder


def write(file: Path, name: str, tls: str) -> None:
    replace(file, f"sites: [{{name: {name}, url: 'https://{name}.test/', tls: {{{tls}}}}}]\n")


def environ_of(folder: Path, policy: str = "public") -> dict[str, str]:
    return {"CONF_DIR": str(folder.parent), "SITEMON_ADDRESS_POLICY": policy}


def sites(folder: Path, policy: str = "public") -> dict[str, Site]:
    return dict(load_sites(environ_of(folder, policy)).by_name)


@pytest.mark.parametrize("field", ["ca_file", "cert_file", "key_file"])
@pytest.mark.parametrize("place", ["ours/own.pem", "own.pem", "theirs/../ours/own.pem", "theirs/link.pem"])
def test_files_of_another_or_of_nobody_are_refused_and_said(folder: Path, field: str, place: str) -> None:
    (folder / "theirs" / "link.pem").symlink_to("../ours/own.pem")
    cert_file = "cert_file: theirs/own.pem, " if field == "key_file" else ""
    write(folder / "theirs.yaml", "theirs", f"{cert_file}{field}: {place}")
    assert len(sites(folder, "private")) == 2
    with pytest.raises(ConfigurationError) as caught:
        sites(folder)
    named = place.replace("theirs/../", "")
    assert str(caught.value) == (
        f"{folder}/theirs.yaml:1: theirs: tls.{field}: expected a file below {folder}/theirs, "
        f"with SITEMON_ADDRESS_POLICY=public; {folder}/{named} is not"
    )


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_those_of_its_own_folder_are_taken(folder: Path, suffix: str) -> None:
    (folder / "ours.yaml").unlink()
    (folder / f"ours{suffix}").write_text(
        '{"sites": [{"name": "ours", "url": "https://a/", "tls": {"cert_file": "ours/own.pem"}}]}'
    )
    tls = sites(folder)["ours"].tls
    assert tls.cert_file == f"{folder}/ours/own.pem"
    assert context_for(tls).own_certificate


def test_the_files_of_who_has_no_others_beside_him_lie_anywhere_below(tmp_path: Path, folder: Path) -> None:
    single = tmp_path / "alone" / "sites.yaml"
    single.parent.symlink_to("sites.d")
    write(single, "ours", "cert_file: own.pem, ca_file: ours/own.pem")
    environ = {"SITEMON_SITES": str(single), "SITEMON_ADDRESS_POLICY": "public"}
    assert context_for(load_sites(environ).by_name["ours"].tls).own_certificate
    watcher = SitesWatcher(environ)
    write(single, "new", "cert_file: ours/own.pem")
    assert [site.name for site in watcher.refresh().sites] == ["new"]


@pytest.mark.parametrize("through", ["", "..data/"])
def test_a_folder_that_is_a_link_to_that_of_another_is_none(folder: Path, through: str) -> None:
    write(folder / "theirs.yaml", "theirs", "cert_file: theirs/own.pem")
    tls = sites(folder)["theirs"].tls
    context_for(tls)
    (folder / "theirs" / "own.pem").unlink()
    (folder / "theirs").rmdir()
    (folder / "..data").mkdir()
    (folder / f"{through}theirs").symlink_to(folder / "ours")
    if through:
        (folder / "theirs").symlink_to(f"{through}theirs")
    with pytest.raises(ConfigurationError, match="expected a file below"):
        sites(folder)
    with pytest.raises(PermissionError):
        context_for(tls)


def test_one_that_kubernetes_mounted_is_its_own(folder: Path) -> None:
    (folder / "..2026").mkdir()
    (folder / "theirs").rename(folder / "..2026" / "theirs")
    (folder / "..data").symlink_to("..2026")
    (folder / "theirs").symlink_to("..data/theirs")
    write(folder / "theirs.yaml", "theirs", "cert_file: theirs/own.pem")
    assert context_for(sites(folder)["theirs"].tls).own_certificate


def test_whose_a_folder_is_that_two_files_have_is_not_guessed(folder: Path) -> None:
    write(folder / "ours.yml", "more", "cert_file: ours/own.pem")
    assert len(sites(folder, "private")) == 3
    with pytest.raises(ConfigurationError) as caught:
        sites(folder)
    assert str(caught.value) == (
        f"{folder}/ours.yml: tls: expected no files: {folder}/ours is the folder of {folder}/ours.yaml too"
    )


def test_who_makes_another_file_of_the_name_has_none_of_it_and_keeps_no_edit_out(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(folder / "ours.yaml", "ours", "cert_file: ours/own.pem")
    watcher = SitesWatcher(environ_of(folder))
    write(folder / "ours.yml", "more", "cert_file: ours/own.pem")
    assert "more" not in watcher.refresh().by_name
    assert len(logged(caplog, "config.sites_kept")) == 1
    write(folder / "ours.yaml", "renamed", "cert_file: ours/own.pem, ca_file: ours/own.pem")
    write(folder / "ours.yml", "more", "ca_file: ours/own.pem")
    assert {"renamed", "theirs"} == watcher.refresh().by_name.keys()
    (folder / "ours.yaml").unlink()
    watcher.refresh()
    assert {"more", "theirs"} == watcher.refresh().by_name.keys()
