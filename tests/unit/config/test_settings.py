"""How our own processes behave."""

import ipaddress
import pwd
from pathlib import Path
from typing import NoReturn

import pytest

from sitemon.config.locate import expanded
from sitemon.config.settings import Settings, settings
from sitemon.model.errors import ConfigurationError


def mistakes_of(**environ: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        settings(environ)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_without_any_variable_the_defaults_hold() -> None:
    assert settings({"SITEMON_REGION": "", "PATH": "/bin"}) == Settings()


def test_every_setting_is_read(tmp_path: Path) -> None:
    environ = {
        "SITEMON_REGION": "eu-1",
        "SITEMON_WORKER_PROCESSES": "4",
        "SITEMON_CHECKS_PER_HOST": "4",
        "SITEMON_ADDRESS_POLICY": "public",
        "SITEMON_ADDRESS_ALLOW": "10.0.0.0/8, fd00::/8,192.0.2.1",
        "SITEMON_SPOOL_DIR": str(tmp_path),
        "SITEMON_SPOOL_MAX": "2GiB",
        "SITEMON_RAW_RETENTION_DAYS": "7",
        "SITEMON_HOURLY_RETENTION_DAYS": "90",
        "SITEMON_DAILY_RETENTION_DAYS": "1000",
        "SITEMON_DEAD_LETTER_RATIO": "0.25",
    }
    assert settings(environ) == Settings(
        region="eu-1",
        worker_processes=4,
        checks_per_host=4,
        address_policy="public",
        address_allow=tuple(ipaddress.ip_network(network) for network in ("10.0.0.0/8", "fd00::/8", "192.0.2.1/32")),
        spool_dir=tmp_path,
        spool_max_bytes=2 << 30,
        raw_retention_days=7,
        hourly_retention_days=90,
        daily_retention_days=1000,
        dead_letter_ratio=0.25,
    )


@pytest.mark.parametrize(
    ("size", "size_bytes"), [("1000", 1_000), ("64KiB", 65_536), ("500 MB", 500_000_000), ("1GiB", 1 << 30)]
)
def test_a_size_is_a_number_of_bytes_or_has_a_unit(size: str, size_bytes: int) -> None:
    assert settings({"SITEMON_SPOOL_MAX": size}).spool_max_bytes == size_bytes


@pytest.mark.parametrize(("text", "ratio"), [("0", 0.0), ("1", 1.0), ("1.0", 1.0), ("0.05", 0.05)])
def test_a_ratio_is_a_number_from_0_to_1(text: str, ratio: float) -> None:
    assert settings({"SITEMON_DEAD_LETTER_RATIO": text}).dead_letter_ratio == ratio


@pytest.mark.parametrize("text", ["50%", "1.5", "-0.1", "nan", "half", "inf", "1e-1"])
def test_what_is_no_ratio_is_a_mistake(text: str) -> None:
    problem = "SITEMON_DEAD_LETTER_RATIO: expected a number from 0 to 1, such as 0.5"
    assert mistakes_of(SITEMON_DEAD_LETTER_RATIO=text) == [problem]


def test_every_mistake_is_found() -> None:
    assert mistakes_of(SITEMON_REGION="north west", SITEMON_CHECKS_PER_HOST="0", SITEMON_SPOOL_MAX="1 gig") == [
        "SITEMON_REGION: expected 1 to 64 letters, digits, dashes and underscores",
        "SITEMON_CHECKS_PER_HOST: expected a whole number from 1 to 5000",
        "SITEMON_SPOOL_MAX: expected a size such as 64KiB, 500MiB, 1GiB, or a number of bytes",
    ]


def test_a_spool_that_is_a_file_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "spool"
    file.touch()
    assert mistakes_of(SITEMON_SPOOL_DIR=str(file)) == [f"SITEMON_SPOOL_DIR: expected a folder; {file} is a file"]


def test_raw_results_are_kept_longer_than_a_day_so_that_the_topic_can_be_kept_less() -> None:
    assert mistakes_of(SITEMON_RAW_RETENTION_DAYS="1") == [
        "SITEMON_RAW_RETENTION_DAYS: expected a whole number from 2 to 36500"
    ]


@pytest.mark.parametrize("networks", ["10.0.0.0/33", "10.0.0.1/8", "shop.test", "10.0.0.0/8,,"])
def test_a_list_of_networks_that_holds_something_else_is_a_mistake(networks: str) -> None:
    assert mistakes_of(SITEMON_ADDRESS_POLICY="public", SITEMON_ADDRESS_ALLOW=networks) == [
        "SITEMON_ADDRESS_ALLOW: expected networks such as 10.0.0.0/8,fd00::/8"
    ]


def test_a_policy_that_is_none_is_a_mistake() -> None:
    assert mistakes_of(SITEMON_ADDRESS_POLICY="pubic") == [
        "SITEMON_ADDRESS_POLICY: expected private or public; did you mean public?"
    ]


def test_a_list_of_networks_that_would_mean_nothing_is_a_mistake() -> None:
    (mistake,) = mistakes_of(SITEMON_ADDRESS_ALLOW="10.0.0.0/8")
    assert mistake.startswith("SITEMON_ADDRESS_ALLOW: means something only with SITEMON_ADDRESS_POLICY=public: ")


def test_a_misspelt_variable_is_a_mistake() -> None:
    assert mistakes_of(SITEMON_REGIN="eu", SITEMON_KAFKA_BOOTSTRAP_SERVER="hunter2") == [
        "SITEMON_KAFKA_BOOTSTRAP_SERVER: unknown variable; did you mean SITEMON_KAFKA_BOOTSTRAP_SERVERS?",
        "SITEMON_REGIN: unknown variable; did you mean SITEMON_REGION?",
    ]


@pytest.mark.parametrize("service", ["KAFKA", "PG", "REDIS", "DB"])
def test_the_variables_that_kubernetes_makes_of_a_service_are_left_alone(service: str) -> None:
    endings = ("SERVICE_HOST", "SERVICE_PORT", "PORT_9092_TCP", "PORT_9092_TCP_PROTO", "PORT_9092_TCP_ADDR")
    assert settings({f"SITEMON_{service}_{ending}": "10.0.0.1" for ending in endings}) == Settings()


@pytest.mark.parametrize("folder", ["~nobody-of-this-name/spool", "/" + "a" * 300])
def test_a_folder_of_a_name_that_nothing_has_is_none_that_is_there(folder: str) -> None:
    assert settings({"SITEMON_SPOOL_DIR": folder}).spool_dir.name in {"spool", "a" * 300}


def test_a_user_without_a_home_folder_has_paths_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(uid: int) -> NoReturn:
        raise KeyError(uid)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert expanded("~/spool") == Path("~/spool")
