"""Same inputs, same traffic, byte for byte, in every process."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rpcfake.message import SENDS, Kind

SCENARIO = Path(__file__).with_name("rich_scenario.py")
OSLO = {Kind.NOTIFICATION, Kind.HEARTBEAT, Kind.REQUEUED}
"""What only oslo.messaging brings about: see tests/oslo/scenario.py."""


def play(seed: int, hash_seed: int) -> str:
    """What the scenario prints in a fresh process."""
    env = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    done = subprocess.run(
        [sys.executable, str(SCENARIO), str(seed)],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture(scope="module")
def outputs() -> list[str]:
    """What twenty processes print, under hash seeds that are other ones at each run."""
    hash_seeds = random.sample(range(2**32), 20)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda hash_seed: play(1, hash_seed), hash_seeds))


def test_twenty_processes_give_one_traffic(outputs: list[str]) -> None:
    assert len(outputs) == 20
    assert len(set(outputs)) == 1, "\n".join(sorted(set(outputs)))


def test_the_scenario_is_rich(outputs: list[str]) -> None:
    for line in outputs[0].splitlines():
        _, _, *counts = line.split()
        count = {kind: int(number) for kind, number in (each.split("=") for each in counts)}
        assert set(count) == set(Kind) - OSLO
        assert sum(count.get(kind, 0) for kind in SENDS) >= 2_000
        assert min(count.values()) >= 2
        assert (
            min(count[kind] for kind in ({*SENDS} - OSLO) | {"timeout", "failure", "abandoned"})
            >= 100
        )


def test_schedules_and_seeds_make_a_difference(outputs: list[str]) -> None:
    hashes = [line.split()[1] for line in (outputs[0] + play(2, 0)).splitlines()]
    assert len(hashes) == len(set(hashes)) == 4
