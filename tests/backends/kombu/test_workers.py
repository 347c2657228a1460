"""The threads that run handlers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from rpcfake.backends.kombu import workers as module
from rpcfake.backends.kombu.workers import Workers, handler_waits

from .brokers import PATIENCE, eventually


class Pool(Workers):
    """Workers with two slots, which count how often one became free."""

    def __init__(self) -> None:
        self.freed = threading.Semaphore(0)
        super().__init__(2, "rpcfake-test-worker", self.freed.release)

    def take(self, job: Callable[[], object]) -> None:
        assert self.claim()
        self.submit(job)


def names() -> set[str]:
    return {each.name for each in threading.enumerate() if "rpcfake-test-worker" in each.name}


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool()
    yield made
    made.close()
    assert eventually(lambda: not names())


def test_there_are_as_many_slots_as_were_said(pool: Pool) -> None:
    gate = threading.Event()
    pool.take(gate.wait)
    pool.take(gate.wait)
    assert not pool.claim()
    gate.set()
    assert pool.freed.acquire(timeout=PATIENCE)
    assert pool.claim()


def test_threads_are_used_again(pool: Pool) -> None:
    for _ in range(50):
        pool.take(lambda: None)
        assert pool.freed.acquire(timeout=PATIENCE)
    assert len(names()) == 1


def test_a_job_that_raises_gives_its_slot_back(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks() -> None:
        raise SystemExit("all of you")

    for _ in range(5):
        pool.take(breaks)
        assert pool.freed.acquire(timeout=PATIENCE)
    assert caplog.text.count("SystemExit: all of you") == 5
    assert len(names()) == 1


def test_who_waits_for_another_gives_its_slot_back(pool: Pool) -> None:
    waits, gate, waited, done = (threading.Event() for _ in range(4))

    def job() -> None:
        with handler_waits():
            waits.set()
            gate.wait(PATIENCE)
        waited.set()
        done.wait(PATIENCE)

    pool.take(job)
    assert waits.wait(PATIENCE)
    pool.take(gate.wait)
    pool.take(gate.wait)  # three at once, of which two count
    assert not pool.claim()
    gate.set()
    for _ in range(3):
        assert pool.freed.acquire(timeout=PATIENCE)
    assert waited.wait(PATIENCE)
    assert pool.claim()  # the first has taken its slot again
    assert not pool.claim()
    pool.give_back()
    done.set()


def test_elsewhere_waiting_costs_nothing() -> None:
    with handler_waits():
        pass


def test_idle_threads_end(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE", 0.01)
    pool.take(lambda: None)
    assert eventually(lambda: not names())
    pool.take(lambda: None)
    assert pool.freed.acquire(timeout=PATIENCE)


def test_a_close_lets_those_go_on_who_have_begun() -> None:
    pool, gate, done = Pool(), threading.Event(), threading.Event()

    def job() -> None:
        assert gate.wait(PATIENCE)
        done.set()

    pool.take(lambda: None)
    pool.take(job)
    assert pool.freed.acquire(timeout=PATIENCE)
    pool.close()
    assert not done.is_set()
    gate.set()
    assert done.wait(PATIENCE)
    assert eventually(lambda: not names())
