"""In virtual time the same scenario is the same traffic, in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SCENARIO = Path(__file__).with_name("scenario.py")
PROCESSES = 20 if "RPCFAKE_SLOW_TESTS" in os.environ else 4


def play(number: int) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", SCENARIO],
        capture_output=True,
        text=True,
        env={"PYTHONHASHSEED": str(number)},
        check=True,
    )
    return done.stdout


def test_all_processes_have_one_traffic_and_one_thread() -> None:
    with ThreadPoolExecutor(2) as pool:
        printed = list(pool.map(play, range(PROCESSES)))
    assert len(set(printed)) == 1
    count, told, now, threads = printed[0].splitlines()[1].split()
    assert told == "abcabcabValueErrorMessagingTimeout"
    assert (int(count), now, threads) == (703, "600", "1")
