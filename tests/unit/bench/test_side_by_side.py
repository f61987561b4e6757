"""What ways that run beside each other spent, round by round."""

import os
import subprocess
import sys

import pytest

from bench.side_by_side import Spent, figures_of, too_slow, totals, tree_cpu_s

FAMILY = """
import resource, subprocess, sys, time
subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.25: pass"], check=True)
children = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.process_time(), children.ru_utime + children.ru_stime, flush=True)
sys.stdin.read()
"""
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
"""What the kernel counts CPU by: each of the four times that are added is cut off to whole ones."""


def test_parts_of_a_side_add_up_round_by_round() -> None:
    spent = {"worker": [Spent(100, 300), Spent(110, 300)], "recorder": [Spent(10, 300), Spent(20, 290)]}
    assert totals(spent, ["worker", "recorder"]) == [110, 130]
    assert totals(spent, ["worker"]) == [100, 110]


def test_each_way_is_reported_by_its_median_cost_and_rate() -> None:
    cost, rate = figures_of({"worker": [Spent(300, 1), Spent(100, 3), Spent(200, 2)]})
    assert (cost.value, cost.unit, rate.value, rate.unit) == (200, "us", 2, "checks/s")


def test_a_way_that_made_less_than_nine_tenths_of_the_rate_is_named() -> None:
    spent = {"ours": [Spent(100, 271)] * 3, "theirs": [Spent(100, 300), Spent(100, 269), Spent(100, 57)]}
    assert too_slow(spent, 300) == ["not measured: theirs made 269 of 300 checks/s"]


def test_the_cpu_of_children_counts_when_they_have_ended() -> None:
    # In a process of its own, since this one has other children, such as the servers of tests that ran before.
    family = subprocess.Popen([sys.executable, "-c", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with family:
        assert family.stdout is not None
        own_s, children_s = map(float, family.stdout.readline().split())
        spent_s = tree_cpu_s(family.pid)
    assert children_s > 0.2
    assert spent_s == pytest.approx(own_s + children_s, abs=5 * TICK_S)
