"""Where others may add sites, these get neither our passwords nor our files."""

import itertools
import json
import os
import ssl
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from sitemon.checks.errors import CheckError
from sitemon.checks.net.tls_contexts import context_for
from sitemon.clock import thread_cpu_s
from sitemon.config import ca_files, own_certificates, site_values
from sitemon.config.fields import readable_file
from sitemon.config.settings import settings
from sitemon.config.sites import load_sites
from sitemon.model.errors import ConfigurationError
from sitemon.model.site import Tls
from tests.integration.checks.certificates import DEAR_CURVE, new_authority, write_chain

SECRETS = {"SITEMON_DB_PASSWORD": "hunter2", "AWS_SECRET_ACCESS_KEY": "hunter3", "SHOP_KEY": "swordfish"}
PUBLIC = {"SITEMON_ADDRESS_POLICY": "public"}


def header_of(folder: Path, value: str, **environ: str) -> str:
    """Return the value that a site sends whose header is this."""
    (folder / "sites.yaml").write_text(
        f"sites: [{{name: a, url: 'http://a.example/', headers: {{X-Key: '{value}'}}}}]\n"
    )
    (site,) = load_sites({"CONF_DIR": str(folder), **SECRETS, **environ}).sites
    return site.headers[0].value


@pytest.mark.parametrize(
    ("variable", "environ"),
    [
        ("SITEMON_DB_PASSWORD", {}),
        ("SITEMON_DB_PASSWORD", {"SITEMON_SECRETS_ALLOW": "SITEMON_*"}),
        ("SHOP_KEY", PUBLIC),
        ("SHOP_KEY", {"SITEMON_SECRETS_ALLOW": "SHOP,SHOP_KEY_*"}),
        ("AWS_SECRET_ACCESS_KEY", {**PUBLIC, "SITEMON_SECRETS_ALLOW": "SHOP_*"}),
    ],
)
def test_a_variable_that_is_not_for_sites_is_a_mistake(tmp_path: Path, variable: str, environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        header_of(tmp_path, f"${{{variable}}}", **environ)
    assert str(caught.value).endswith(
        f"headers.X-Key: the environment variable {variable} is not for sites: see SITEMON_SECRETS_ALLOW"
    )


@pytest.mark.parametrize(
    "environ",
    [{}, {"SITEMON_SECRETS_ALLOW": "SHOP_KEY"}, {**PUBLIC, "SITEMON_SECRETS_ALLOW": "WIKI, SHOP_*"}],
)
def test_a_variable_that_is_allowed_is_used(tmp_path: Path, environ: dict[str, str]) -> None:
    assert header_of(tmp_path, "Bearer ${SHOP_KEY}", **environ) == "Bearer swordfish"


@pytest.mark.parametrize(
    ("most", "environ"),
    [
        (2_000, PUBLIC),
        (3, {"SITEMON_SITES_PER_FILE": "3"}),
        (2_003, {**PUBLIC, "SITEMON_SITES_PER_FILE": "2003"}),
        (2_000, {"SITEMON_SITES_PER_FILE": "many"}),
    ],
)
def test_a_file_has_as_many_sites_as_the_operator_says(tmp_path: Path, most: int, environ: dict[str, str]) -> None:
    def write(count: int) -> None:
        listed = [{"name": f"a{number}", "url": "http://a.example/"} for number in range(count)]
        (tmp_path / "sites.json").write_text(json.dumps({"sites": listed}, indent=0))

    write(most)
    assert len(load_sites({"CONF_DIR": str(tmp_path), **environ}).sites) == most
    write(most + 1)
    with pytest.raises(ConfigurationError) as caught:
        load_sites({"CONF_DIR": str(tmp_path), **environ})
    (mistake,) = caught.value.mistakes
    assert mistake.line == 3 + 4 * most
    assert mistake.problem.startswith(f"expected at most {most:,} sites in a file, each once for each region, and for ")
    assert mistake.problem.endswith(": see SITEMON_SITES_PER_FILE")


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({"regions": ["hel", "fra", "nyc"]}, 3),
        ({"labels": {"note": "x" * 1_500}}, 2),
        ({"labels": {"note": "x" * 1_500}, "regions": ["hel", "fra"]}, 4),
        ({"url": f"http://a.example/{'x' * 3_000}"}, 3),
        ({"match": "x" * 3_000}, 3),
    ],
)
def test_a_site_counts_once_for_each_region_and_each_kib(tmp_path: Path, fields: dict[str, Any], count: int) -> None:
    listed = [{"name": name, "url": "http://a.example/"} for name in "abc"]
    (tmp_path / "sites.json").write_text(json.dumps({"sites": [*listed, {**listed[0], **fields, "name": "d"}]}))
    environ = {"CONF_DIR": str(tmp_path)}
    assert len(load_sites({**environ, "SITEMON_SITES_PER_FILE": str(3 + count)}).sites) == 4
    with pytest.raises(ConfigurationError, match="expected at most"):
        load_sites({**environ, "SITEMON_SITES_PER_FILE": str(2 + count)})


def test_without_strangers_a_file_has_any_number_of_sites(tmp_path: Path) -> None:
    listed = [{"name": f"a{number}", "url": "http://a.example/"} for number in range(2_001)]
    (tmp_path / "sites.json").write_text(json.dumps({"sites": listed}))
    assert len(load_sites({"CONF_DIR": str(tmp_path)}).sites) == 2_001


def test_where_the_list_is_unfit_nothing_is_allowed(tmp_path: Path) -> None:
    unfit = {"SITEMON_SECRETS_ALLOW": "*_KEY"}
    with pytest.raises(ConfigurationError, match="SITEMON_SECRETS_ALLOW: expected names of environment variables"):
        settings(unfit)
    with pytest.raises(ConfigurationError, match="SHOP_KEY is not for sites"):
        header_of(tmp_path, "${SHOP_KEY}", **unfit)


@pytest.mark.parametrize(("name", "is_allowed"), [("ca.pem", True), ("../ca.pem", False), ("link.pem", False)])
def test_files_are_those_below_the_sites(tmp_path: Path, name: str, *, is_allowed: bool) -> None:
    folder = tmp_path / "conf"
    folder.mkdir()
    for place in (tmp_path, folder):
        (place / "ca.pem").write_bytes(new_authority("ours").pem)
    (folder / "link.pem").symlink_to("../ca.pem")
    (folder / "sites.yaml").write_text(f"sites: [{{name: a, url: 'https://a.example/', tls: {{ca_file: {name}}}}}]\n")
    environ = {"CONF_DIR": str(folder)}
    assert len(load_sites(environ).sites) == 1
    if is_allowed:
        assert len(load_sites(environ | PUBLIC).sites) == 1
    else:
        with pytest.raises(ConfigurationError, match="expected a file below"):
            load_sites(environ | PUBLIC)


@pytest.mark.parametrize("field", ["ca_file", "cert_file"])
def test_a_file_that_became_a_link_out_of_the_folder_is_not_read(tmp_path: Path, field: str) -> None:
    folder, ours = tmp_path / "conf", write_chain(tmp_path, new_authority("ours"))
    data = folder / "..data"
    data.mkdir(parents=True)
    file, content = folder / "own.pem", ours.read_bytes()
    (data / "own.pem").write_bytes(content)
    file.symlink_to("..data/own.pem")
    (folder / "sites.yaml").write_text(f"sites: [{{name: a, url: 'https://a.example/', tls: {{{field}: own.pem}}}}]\n")
    (site,) = load_sites({"CONF_DIR": str(folder)} | PUBLIC).sites
    context_for(site.tls)
    data.rename(folder / "..old")
    data.symlink_to("..new")
    (folder / "..new").mkdir()
    (folder / "..new" / "own.pem").write_bytes(content)
    context_for(site.tls)
    file.unlink()
    file.symlink_to(ours)
    with pytest.raises(PermissionError):
        context_for(site.tls)


@pytest.mark.parametrize("field", ["ca_file", "cert_file"])
def test_of_a_link_that_came_after_the_look_at_it_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    folder, theirs, file = tmp_path / "conf", write_chain(tmp_path, new_authority("theirs")), tmp_path / "conf/own.pem"
    folder.mkdir()
    file.touch()
    (folder / "sites.yaml").write_text(f"sites: [{{name: a, url: 'https://a.example/', tls: {{{field}: own.pem}}}}]\n")

    def looked_at(*place: Any) -> str:
        file.unlink()
        file.symlink_to(theirs)
        return readable_file(*place)

    monkeypatch.setattr(site_values, "readable_file", looked_at)
    with pytest.raises(ConfigurationError, match=r"expected a (certificate and its key|file that can be read)"):
        load_sites({"CONF_DIR": str(folder)} | PUBLIC)


@pytest.mark.parametrize(("field", "most"), [("ca_file", "1,024 KiB"), ("cert_file", "64 KiB"), ("key_file", "64 KiB")])
def test_no_file_is_read_that_is_too_long_for_certificates(tmp_path: Path, field: str, most: str) -> None:
    with (tmp_path / "long.pem").open("wb") as file:
        file.truncate(1 << 30)
    sites = f"sites: [{{name: a, url: 'https://a.example/', tls: {{{field}: long.pem}}}}]\n"
    (tmp_path / "sites.yaml").write_text(sites)
    with pytest.raises(ConfigurationError, match=f"expected a file of at most {most}"):
        load_sites({"CONF_DIR": str(tmp_path)})


def test_a_file_is_the_same_however_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(new_authority("ours").pem)
    names = ["ca.pem", "./ca.pem", f"../{tmp_path.name}/ca.pem", f"{tmp_path}/x/../ca.pem"]
    lines = [f"- {{name: s{n}, url: 'https://a.example/', tls: {{ca_file: {name}}}}}\n" for n, name in enumerate(names)]
    (tmp_path / "sites.yaml").write_text("sites:\n" + "".join(lines))
    assert {site.tls.ca_file for site in load_sites({"CONF_DIR": str(tmp_path)} | PUBLIC).sites} == {
        str(tmp_path / "ca.pem")
    }


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files of CA certificates that OpenSSL reads from now on."""
    files: list[str] = []

    class Context(ssl.SSLContext):
        def load_verify_locations(self, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
            files.append(cafile)
            super().load_verify_locations(cafile, capath, cadata)

    monkeypatch.setattr(ssl, "SSLContext", Context)
    return files


def write_sites_that_trust(folder: Path, names: Sequence[str]) -> None:
    lines = [f"- {{name: s{n}, url: 'https://a.example/', tls: {{ca_file: {name}}}}}\n" for n, name in enumerate(names)]
    (folder / "sites.yaml").write_text("sites:\n" + "".join(lines))


def test_a_ca_file_is_read_once_however_it_is_written(tmp_path: Path, loaded: list[str]) -> None:
    (tmp_path / "ca.pem").write_bytes(new_authority("ours").pem)
    for n in range(3):
        (tmp_path / f"{n}.pem").symlink_to("ca.pem")
    write_sites_that_trust(tmp_path, ["ca.pem", "./ca.pem", "././ca.pem", "0.pem", "1.pem", "2.pem"])
    assert len(load_sites({"CONF_DIR": str(tmp_path)}).sites) == 6
    assert len(loaded) == 1


def test_a_ca_file_that_has_changed_is_read_again(tmp_path: Path, loaded: list[str]) -> None:
    file = tmp_path / "ca.pem"
    write_sites_that_trust(tmp_path, ["ca.pem"])
    file.write_bytes(b"nothing")
    with pytest.raises(ConfigurationError, match="expected certificates in PEM"):
        load_sites({"CONF_DIR": str(tmp_path)})
    file.write_bytes(new_authority("ours").pem)
    assert len(load_sites({"CONF_DIR": str(tmp_path)}).sites) == 1
    assert len(loaded) == 2


@pytest.mark.parametrize("tag", [b"\x06\x07", b"\x06\x81\x07"])
def test_a_certificate_whose_key_takes_long_to_read_is_refused_before(tmp_path: Path, tag: bytes) -> None:
    """However the name of its kind of field is written: OpenSSL also takes lengths that are not the shortest."""
    der = ssl.PEM_cert_to_DER_cert(DEAR_CURVE.read_text()).replace(b"\x06\x07\x2a\x86", tag + b"\x2a\x86")
    (tmp_path / "ca.pem").write_text(ssl.DER_cert_to_PEM_cert(der) * 100)
    write_sites_that_trust(tmp_path, ["ca.pem"])
    began_s = thread_cpu_s()
    with pytest.raises(ConfigurationError, match="expected certificates with keys on curves that have names"):
        load_sites({"CONF_DIR": str(tmp_path)})
    assert thread_cpu_s() - began_s < 1


@pytest.mark.parametrize(("count", "is_read"), [(500, True), (501, False)])
def test_a_file_of_very_many_ca_certificates_is_not_read(
    tmp_path: Path, loaded: list[str], count: int, *, is_read: bool
) -> None:
    (tmp_path / "ca.pem").write_bytes(new_authority("ours").pem * count)
    write_sites_that_trust(tmp_path, ["ca.pem"])
    if is_read:
        assert len(load_sites({"CONF_DIR": str(tmp_path)}).sites) == 1
    else:
        with pytest.raises(ConfigurationError) as caught:
            load_sites({"CONF_DIR": str(tmp_path)})
        assert str(caught.value) == (
            f"{tmp_path}/sites.yaml:2: s0: tls.ca_file: expected at most 500 certificates; {tmp_path}/ca.pem holds more"
        )
    assert len(loaded) == is_read


def test_all_files_together_are_not_longer_than_memory_has_room_for(tmp_path: Path) -> None:
    pem = new_authority("ours").pem
    for n in range(18):
        (tmp_path / f"{n}.pem").write_bytes(pem + b"\n" * 1_000_000)
    lines = [f"- {{name: s{n}, url: 'https://a.example/', tls: {{ca_file: {n}.pem}}}}\n" for n in range(18)]
    (tmp_path / "sites.yaml").write_text("sites:\n" + "".join(lines))
    with pytest.raises(ConfigurationError, match="expected at most 1,000 files, and 16 MiB, of all sites together"):
        load_sites({"CONF_DIR": str(tmp_path)})


@pytest.mark.parametrize("name", ["~nobody-of-this-name/ca.pem", "a" * 300, "a/" * 3_000])
@pytest.mark.parametrize("choices", [{}, PUBLIC])
def test_a_file_of_a_name_that_no_file_has_is_a_mistake(tmp_path: Path, name: str, choices: dict[str, str]) -> None:
    (tmp_path / "sites.yaml").write_text(f"sites: [{{name: a, url: 'https://a.example/', tls: {{ca_file: {name}}}}}]\n")
    with pytest.raises(ConfigurationError, match="expected a file; there is none at"):
        load_sites({"CONF_DIR": str(tmp_path)} | choices)


@pytest.mark.parametrize("fields", [("ca_file",), ("cert_file",), ("cert_file", "key_file")])
def test_a_file_that_became_a_pipe_is_not_waited_for(tmp_path: Path, fields: tuple[str, ...]) -> None:
    *files, pipe = (tmp_path / field for field in fields)
    for file in files:
        write_chain(tmp_path, new_authority("ours")).rename(file)
    os.mkfifo(pipe)
    named: dict[str, Any] = {field: str(tmp_path / field) for field in fields}
    with pytest.raises(FileNotFoundError):
        context_for(Tls(**named))


class Late(ssl.SSLContext):
    """A context that comes to its turn when its file has just become a pipe."""

    file: Path

    @classmethod
    def of(cls, file: Path) -> Self:
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context.file = file
        return context

    def load_verify_locations(self, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        self.become_pipe()
        super().load_verify_locations(cafile, capath, cadata)

    def load_cert_chain(self, *args: Any, **options: Any) -> None:
        self.become_pipe()
        super().load_cert_chain(*args, **options)

    def become_pipe(self) -> None:
        self.file.unlink()
        os.mkfifo(self.file)


def test_what_was_read_is_trusted_whatever_the_file_is_meanwhile(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    signer = new_authority("ours")
    file.write_bytes("# für uns – 我们\n".encode() + signer.pem)
    context = Late.of(file)
    ca_files.load(context, str(file))
    assert context.get_ca_certs(binary_form=True) == [ssl.PEM_cert_to_DER_cert(signer.pem.decode())]


def test_python_goes_on_while_openssl_reads_ca_certificates(tmp_path: Path) -> None:
    """Nobody is made to give way: whoever goes on was let go on."""
    file = tmp_path / "ca.pem"
    file.write_bytes(new_authority("ours").pem * ca_files.MOST_CERTIFICATES)
    turns, is_read = itertools.count(), threading.Event()

    class Counting(ssl.SSLContext):
        turns_meanwhile = 0

        def load_verify_locations(self, *args: Any, **options: Any) -> None:
            before = next(turns)
            super().load_verify_locations(*args, **options)
            self.turns_meanwhile = next(turns) - before - 1

    def take_turns() -> None:
        while not is_read.wait(0.0001):
            next(turns)

    thread, context = threading.Thread(target=take_turns), Counting(ssl.PROTOCOL_TLS_CLIENT)
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(60)
    try:
        thread.start()
        ca_files.load(context, str(file))
    finally:
        is_read.set()
        thread.join()
        sys.setswitchinterval(usual_s)
    assert context.turns_meanwhile > 0


def test_what_was_read_is_shown_whatever_the_file_is_meanwhile(tmp_path: Path) -> None:
    file = write_chain(tmp_path, new_authority("ours"))
    own_certificates.load(Late.of(file), str(file), None)
    assert file.is_fifo()


OF_HOURS = b"""-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHuMFkGCSqGSIb3DQEFDTBMMCsGCSqGSIb3DQEFDDAeBAhU6bfOAHTa/AIEf////zAMBggqhkiG
9w0CCQUAMB0GCWCGSAFlAwQBKgQQL1raFeYEt2oF56euurQTXgSBkBlUnr4LCYDcBLkJOoVoDJIg
LtuP7Al0B8Y9lOyDXLiCc/1l9EDi28eJfY/cm7D3ytOI0sof6CFE9oF1j3bfg73OA0ZdMRAZo3xX
+J6RzA0Pc4w30XFvoWQG1DakO9JplRGs7Z+VEoKqm6KT9N0zJ3DSikeqlddKGh5y5BQnWmAjICu5
N1pidTSBqd/KB+bV5g==
-----END ENCRYPTED PRIVATE KEY-----
"""
"""An encrypted key; what decrypts it is derived from a password by 2,147,483,647 rounds of PBKDF2."""


def write_own(folder: Path, key: bytes) -> Tls:
    """Write a site with a certificate of its own and this key, and return its settings."""
    (folder / "me.pem").write_bytes(new_authority("me").pem)
    (folder / "me.key").touch(mode=0o600)
    (folder / "me.key").write_bytes(key)
    tls = "{cert_file: me.pem, key_file: me.key}"
    (folder / "sites.yaml").write_text(f"sites: [{{name: a, url: 'https://a.example/', tls: {tls}}}]\n")
    return Tls(cert_file=str(folder / "me.pem"), key_file=str(folder / "me.key"))


def test_nothing_is_derived_from_a_password_that_a_key_must_not_have(tmp_path: Path) -> None:
    tls, began_s = write_own(tmp_path, OF_HOURS), thread_cpu_s()
    with pytest.raises(ConfigurationError, match="without a password, in PEM; the key is encrypted"):
        load_sites({"CONF_DIR": str(tmp_path)})
    with pytest.raises(CheckError, match="our client certificate: the key is encrypted"):
        context_for(tls)
    assert thread_cpu_s() - began_s < 1
