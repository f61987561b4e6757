"""What `celery -A sitemon …` does with configuration: the user's module wins, mistakes are one line."""

import subprocess
from pathlib import Path

import pytest
from celery import Celery, chord, xmap

from sitemon.local.sample import SampleServer
from tests.acceptance.conftest import url, write_sites
from tests.pipeline import Pipeline, own_code, script, wait_for

SHOW = ("-A", "sitemon", "report")


def celery(folder: Path, environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [script("celery"), *arguments],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)} | own_code() | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def servers() -> dict[str, str]:
    return {"SITEMON_REDIS_URL": "redis://127.0.0.1:9/0", "SITEMON_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}


def test_celeryconfig_in_the_working_folder_overrides_the_packages_defaults(
    tmp_path: Path, servers: dict[str, str]
) -> None:
    (tmp_path / "celeryconfig.py").write_text('broker_url = "redis://127.0.0.1:10/7"\nworker_concurrency = 3\n')
    shown = celery(tmp_path, servers, *SHOW).stdout
    assert "@127.0.0.1:10/7" in shown
    assert "worker_concurrency: 3" in shown
    assert "worker_pool: 'threads'" in shown


def test_so_does_the_module_that_celery_config_module_names(tmp_path: Path, servers: dict[str, str]) -> None:
    (tmp_path / "ours.py").write_text("worker_concurrency = 4\n")
    named = servers | {"CELERY_CONFIG_MODULE": "ours"} | own_code(tmp_path)
    assert "worker_concurrency: 4" in celery(tmp_path, named, *SHOW).stdout


def test_entries_of_the_users_beat_schedule_run_beside_the_sites(pipeline: Pipeline, sample: SampleServer) -> None:
    write_sites(pipeline.sites_file, {"name": "good", "url": url(sample, "/good"), "interval": 1})
    entry = {"task": "sitemon.check_site", "schedule": 1.0, "args": ["good"]}
    (pipeline.folder / "celeryconfig.py").write_text(f"beat_schedule = {{'ours': {entry}}}\n")
    pipeline.start("worker", "recorder")
    kinds = "SELECT kind::text FROM sitemon.results GROUP BY 1 HAVING count(*) >= 3 ORDER BY 1"
    wait_for(lambda: pipeline.rows(kinds) == [("adhoc",), ("scheduled",)])
    assert "sitemon.maintain" in pipeline.log_of("worker").partition("ready.")[2]


def test_tasks_of_the_users_own_run_beside_ours_in_all_ways_of_celery(pipeline: Pipeline, redis_url: str) -> None:
    (pipeline.folder / "ours.py").write_text(
        "from celery import shared_task\n\n"
        "@shared_task(name='ours.double')\ndef double(number): return 2 * number\n\n"
        "@shared_task(name='ours.total')\ndef total(numbers): return sum(numbers)\n"
    )
    (pipeline.folder / "celeryconfig.py").write_text("include = ['ours']\n")
    pipeline.start("beatless")
    with Celery("other", broker=redis_url, backend=redis_url, set_as_current=False) as other:
        other.conf.task_default_queue = "checks.default"
        double, total = (other.signature(name) for name in ("ours.double", "ours.total"))
        in_turn = chord([double.clone((number,)) for number in range(3)], total, app=other)
        assert in_turn().get(timeout=30) == 6
        at_once = xmap(double, [1, 2], app=other)  # type: ignore[arg-type]  # it takes signatures, too
        assert at_once.apply_async().get(timeout=30) == [2, 4]


def test_a_wrong_configuration_is_one_line_before_the_banner(tmp_path: Path, servers: dict[str, str]) -> None:
    sites = tmp_path / "sites.yaml"
    sites.write_text("sites:\n  - name: shop\n    url: https://shop.example/\n    intervall: 3\n")
    ended = celery(tmp_path, servers | {"SITEMON_SITES": str(sites)}, "-A", "sitemon", "worker", "-B")
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr == f"{sites}:4: shop: intervall: unknown field; did you mean interval?\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("worker_concurrency = = 3\n", "celeryconfig.py:1: not valid Python: invalid syntax"),
        ("import nosuch\n", "celeryconfig: cannot be imported: ModuleNotFoundError: No module named 'nosuch'"),
        ('broker_url = "amqp://guest:secret@h//"\n', "celeryconfig.py: broker_url: expected redis://host:port/number"),
    ],
)
def test_a_mistake_in_celeryconfig_is_one_line(
    tmp_path: Path, servers: dict[str, str], content: str, expected: str
) -> None:
    (tmp_path / "celeryconfig.py").write_text(content)
    ended = celery(tmp_path, servers, "-A", "sitemon", "worker")
    assert ended.returncode == 2
    assert expected in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "secret" not in ended.stderr


@pytest.mark.parametrize("pool", [[], ["-P", "prefork"], ["--pool=prefork"], ["-Pprefork"], ["-P", "threads"]])
def test_what_a_pool_of_threads_cannot_do_is_one_line(tmp_path: Path, servers: dict[str, str], pool: list[str]) -> None:
    ended = celery(tmp_path, servers, "-A", "sitemon", "worker", *pool, "--autoscale", "10,2")
    assert ended.returncode == 2
    *before, refused = ended.stderr.splitlines()
    assert refused == "--autoscale: a pool of threads has one size: expected --concurrency"
    kept = [line for line in before if line.startswith("sitemon.threads_kept: ")]
    assert len(kept) == any("prefork" in word for word in pool)


def test_the_queue_of_another_region_is_refused_in_one_line(tmp_path: Path, servers: dict[str, str]) -> None:
    ended = celery(tmp_path, servers, "-A", "sitemon", "worker", "-Q", "sitemon.manage,checks.eu")
    assert ended.returncode == 2
    *_, refused = ended.stderr.splitlines()  # before it, that there are no sites
    assert refused == "-Q checks.eu: this worker is of region default: expected SITEMON_REGION=eu"


def test_no_configuration_at_all_is_one_line_too(tmp_path: Path) -> None:
    ended = celery(tmp_path, {}, "-A", "sitemon", "worker", "-B")
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("redis.json: not found in ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["worker", "beat"])
def test_a_redis_that_refuses_us_ends_it_with_one_line(pipeline: Pipeline, command: str) -> None:
    wrong = pipeline.environment["SITEMON_REDIS_URL"].replace("redis://:", "redis://:wrong")
    ended = celery(pipeline.folder, pipeline.environment | {"SITEMON_REDIS_URL": wrong}, "-A", "sitemon", command)
    assert ended.returncode == 2
    assert ended.stderr.strip().splitlines()[-1].startswith("Redis refuses us: ")
    assert "wrong" not in ended.stderr.replace("WRONGPASS", "")
    assert "Traceback" not in ended.stderr
