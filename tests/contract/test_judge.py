"""The judge: verdicts, hangs, backends that can't be judged, and programs that show a failure."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from rpcfake.backends.memory import Memory
from rpcfake.backends.registry import find_backend
from rpcfake.contract import (
    PROFILES,
    CannotJudge,
    Clause,
    Finding,
    Judge,
    Level,
    Scene,
    Unknown,
    Verdict,
    Violation,
    all_clauses,
    judge,
)
from rpcfake.errors import BackendUnavailable

ROOT = Path(__file__).parents[2]
CLAUSES = {clause.id: clause for clause in all_clauses()}
QUICK = PROFILES["quick"]


def verdict_of(make: Callable[[], Any], *clauses: Clause | str, **options: Any) -> list[Finding]:
    """The findings, in the order of the clauses."""
    chosen = [CLAUSES[one] if isinstance(one, str) else one for one in clauses]
    options = {"profile": QUICK, "patience": 0.2, **options}
    return Judge(make, "judged", **options).judge(chosen).findings


def clause(check: Callable[..., None], level: str = "MUST", **more: Any) -> Clause:
    """A clause that is not in the contract."""
    return Clause("RPC-CALL-999", Level(level), "the rule", check, **more)


# Verdicts


def holds(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    scene.same(scene.call(topic, "give", value=1), 1, "the value")


def fails(scene: Scene) -> None:
    scene.holds(False, "the moon", "it was cheese")


def crashes(scene: Scene) -> None:
    scene.topic()
    raise LookupError("it is\nnot there")


def is_unknown(scene: Scene) -> None:
    raise Unknown("nobody came")


@pytest.mark.parametrize(
    ("check", "level", "verdict"),
    [
        (holds, "MUST", "pass"),
        (holds, "INFO", "pass"),
        (fails, "MUST", "fail"),
        (fails, "SHOULD", "nonstrict"),
        (fails, "INFO", "nonstrict"),
        (crashes, "MUST", "fail"),
        (crashes, "SHOULD", "nonstrict"),
        (is_unknown, "MUST", "unknown"),
        (is_unknown, "SHOULD", "unknown"),
    ],
)
def test_the_verdict_is(check: Any, level: str, verdict: str) -> None:
    (found,) = verdict_of(Memory, clause(check, level))
    assert found.verdict == verdict
    assert found.breaks == (level == "MUST" and verdict != "pass")


def test_a_violation_tells_what_was_expected_and_what_was() -> None:
    (found,) = verdict_of(Memory, clause(fails))
    assert (found.expected, found.actual, found.note) == ("the moon", "it was cheese", "")


def test_an_error_is_told_in_one_line_and_where_it_was_raised() -> None:
    (found,) = verdict_of(Memory, clause(crashes))
    assert found.actual == "it raised LookupError: it is not there"
    assert f'File "{__file__}"' in found.note
    assert "in crashes\n    raise LookupError" in found.note


def test_why_it_is_unknown() -> None:
    (found,) = verdict_of(Memory, clause(is_unknown))
    assert found.note == "nobody came"


def test_an_unknown_is_not_tried_for_ever() -> None:
    (found,) = verdict_of(Memory, clause(is_unknown_of, varies={"value": st.integers()}))
    assert found.verdict is Verdict.UNKNOWN
    assert found.examples <= 3


def is_unknown_of(scene: Scene, value: int) -> None:
    raise Unknown("nobody came")


class Lacking(Memory):
    unsupported = {"ordered": "no order", "multicall": "one value only"}  # noqa: RUF012


def test_what_a_backend_has_not_got_is_unsupported_and_never_a_pass() -> None:
    found = verdict_of(Lacking, "RPC-ORDER-001", "RPC-ORDER-003", "RPC-CALL-002")
    assert [(one.verdict, one.note) for one in found] == [
        ("unsupported", "no order"),
        ("unsupported", "no order"),
        ("pass", ""),
    ]
    assert not any(one.breaks for one in found)


def test_no_profile_tries_less_than_it_says() -> None:
    (quick,) = verdict_of(Memory, "RPC-CALL-001")
    (default,) = verdict_of(Memory, "RPC-CALL-001", profile=PROFILES["default"])
    (waiting,) = verdict_of(Memory, "RPC-TIME-001")
    assert (quick.examples, default.examples, waiting.examples) == (5, 25, 2)


def test_findings_come_in_the_order_of_the_clauses_and_smoke_runs_first() -> None:
    ran: list[str] = []
    chosen = [CLAUSES[id] for id in ("RPC-SEND-001", "RPC-CALL-001", "RPC-CALL-002")]
    report = Judge(Memory, "memory", profile=QUICK).judge(
        chosen, lambda one: ran.append(one.clause.id)
    )
    assert ran == ["RPC-CALL-001", "RPC-SEND-001", "RPC-CALL-002"]
    assert [one.clause for one in report.findings] == chosen


def test_the_same_seed_judges_by_the_same_examples() -> None:
    drawn: list[list[int]] = []

    def notes(scene: Scene, value: int) -> None:
        drawn[-1].append(value)

    for seed in (1, 1, 2):
        drawn.append([])
        verdict_of(Memory, clause(notes, varies={"value": st.integers()}), seed=seed)
    assert drawn[0] == drawn[1] != drawn[2]


# The judge's own fault


class Deaf(Memory):
    """Every call returns None."""

    def call(self, *args: Any, **options: Any) -> None:
        super().call(*args, **options)


def test_a_failure_of_the_first_clause_is_the_backends() -> None:
    assert verdict_of(Deaf, judge.SMOKE)[0].verdict is Verdict.FAIL


def test_but_the_judges_if_memory_fails_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "find_backend", lambda name: Deaf())
    (found,) = verdict_of(Deaf, judge.SMOKE)
    assert (found.verdict, found.note) == (Verdict.HARNESS_ERROR, "it fails on memory too")
    assert found.breaks


# Hangs


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """What frees the threads that a test has let hang."""
    event = threading.Event()
    yield event
    event.set()


def hangs_in_casts(release: threading.Event) -> tuple[Callable[[], Any], list[Any]]:
    """A backend whose casts never come back; and all that were made of it."""
    made: list[Any] = []

    class Hanging(Memory):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

        def cast(self, *args: Any) -> None:
            release.wait(60)

    return Hanging, made


def test_a_backend_that_hangs_is_a_verdict_and_the_run_goes_on(release: threading.Event) -> None:
    make, made = hangs_in_casts(release)
    hung, passed = verdict_of(make, "RPC-CAST-001", "RPC-CALL-002", patience=0.1)
    assert hung.verdict is Verdict.FAIL
    assert hung.actual == "nothing happened for 0.7 s: it hangs"
    assert hung.seconds < 5
    assert passed.verdict is Verdict.PASS
    assert len(made) == 2  # the next clause got a fresh one


def test_a_hang_tells_where_it_stands(release: threading.Event) -> None:
    make, _ = hangs_in_casts(release)
    (hung,) = verdict_of(make, "RPC-CAST-001", patience=0.1)
    assert "thread rpcfake-judge:" in hung.note
    assert f'File "{__file__}"' in hung.note
    assert "in cast\n    release.wait(60)" in hung.note
    assert len(hung.note.splitlines()) < 30
    last, end = hung.program.splitlines()[-2:]
    assert "scene.cast(" in last
    assert end.strip() == "# here nothing happened any more"


def test_a_should_that_hangs_is_nonstrict(release: threading.Event) -> None:
    make, _ = hangs_in_casts(release)
    should = replace(CLAUSES["RPC-CAST-001"], level=Level.SHOULD)
    (hung,) = verdict_of(make, should, patience=0.1)
    assert hung.verdict is Verdict.NONSTRICT
    assert not hung.breaks


def test_who_waits_in_a_clause_that_was_given_up_is_let_go() -> None:
    here = threading.current_thread()
    before = set(threading.enumerate())

    def waits(scene: Scene) -> None:
        scene.pass_gate("never")

    (hung,) = verdict_of(lambda: find_backend("memory-threads"), clause(waits), patience=0.1)
    assert "it hangs" in hung.actual
    left = [one for one in threading.enumerate() if one not in before and one is not here]
    assert [one.name for one in left] == []


def test_a_slow_backend_does_not_hang() -> None:
    def is_slow(scene: Scene) -> None:
        topic = scene.serve(scene.actor())
        for _ in range(8):
            scene.harness.sleep(0.15)
            scene.call(topic, "give")

    found = verdict_of(lambda: find_backend("memory-threads"), clause(is_slow), patience=0.1)
    assert found[0].verdict is Verdict.PASS


# What can't be judged


def raises(error: BaseException) -> Callable[[], Any]:
    def make() -> Any:
        raise error

    return make


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (BackendUnavailable("the broker\nis away"), "the broker is away"),
        (TypeError("backend x takes no options"), "backend x takes no options"),
        (RuntimeError("no\n\nmore"), "RuntimeError: no"),
        (SystemExit(3), "SystemExit: 3"),
        (AssertionError(), "AssertionError"),
    ],
)
def test_a_backend_that_cannot_be_made(error: BaseException, text: str) -> None:
    with pytest.raises(CannotJudge) as caught:
        verdict_of(raises(error), "RPC-CALL-001")
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("unsupported", "text"),
    [
        (["ordered"], "its `unsupported` must be a mapping from a capability to the reason"),
        ({"round-robin": "no"}, "'round-robin', which is no capability; did you mean 'round_robin"),
        ({3: "no"}, "its `unsupported` names 3, which is no capability"),
    ],
)
def test_a_wrong_claim_is_no_claim(unsupported: Any, text: str) -> None:
    class Claims(Memory):
        pass

    Claims.unsupported = unsupported  # type: ignore[attr-defined]
    with pytest.raises(CannotJudge, match=text.replace("`", ".")):
        verdict_of(Claims, "RPC-CALL-001")


def test_a_backend_whose_broker_is_not_there() -> None:
    class Unreachable(Memory):
        def create_connection(self, new: bool = True) -> Any:
            raise ConnectionRefusedError(111, "Connection refused")

    with pytest.raises(CannotJudge, match=r"RPC-SEND-\d+: ConnectionRefusedError: .*refused"):
        verdict_of(Unreachable, "RPC-SEND-006")


def test_a_broker_that_dies_meanwhile_ends_the_judging() -> None:
    dead: list[bool] = []

    class Dying(Memory):
        def call(self, *args: Any, **options: Any) -> Any:
            if dead:
                raise BackendUnavailable("it is gone")
            return super().call(*args, **options)

    def make() -> Any:
        if dead:
            raise BackendUnavailable("it can't be reached")
        return Dying()

    with pytest.raises(CannotJudge, match="it can't be reached"):
        Judge(make, "judged", profile=QUICK).judge(
            [CLAUSES["RPC-CALL-001"], CLAUSES["RPC-CALL-002"]], lambda _: dead.append(True)
        )


def test_a_backend_that_was_away_for_a_moment_is_judged_on() -> None:
    calls = iter([True, *[False] * 10_000])

    class Flickers(Memory):
        def call(self, *args: Any, **options: Any) -> Any:
            if next(calls):
                raise BackendUnavailable("it is gone")
            return super().call(*args, **options)

    failed, passed = verdict_of(Flickers, "RPC-CALL-002", "RPC-CALL-003")
    assert failed.verdict is Verdict.FAIL
    assert "it failed once, and not on a new backend" in failed.note or "gone" in failed.actual
    assert passed.verdict is Verdict.PASS


def test_every_backend_that_was_made_is_closed() -> None:
    opened: list[Any] = []

    class Counted(Deaf):
        def __init__(self) -> None:
            super().__init__()
            opened.append(self)

        def close(self) -> None:
            super().close()
            opened.remove(self)

    verdict_of(Counted, "RPC-CALL-001", "RPC-CALL-003")
    assert opened == []


# Programs


def test_the_smallest_example_is_looked_for() -> None:
    (found,) = verdict_of(Deaf, "RPC-CALL-001")
    ((value),) = re.findall(r"scene.call\(.*, value=(.*)\)  # gave None", found.program)
    assert len(value) <= len("False")


def test_a_broken_backend_does_not_make_the_program_smaller_than_the_failure() -> None:
    """Once it has lost a pool of ten, everything fails on it, and no call shows why."""

    class Leaks(Memory):
        def __init__(self) -> None:
            super().__init__()
            self.left = 10

        def multicall(self, *args: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("the pool is exhausted")
            return super().multicall(*args, **options)

    (found,) = verdict_of(Leaks, "RPC-MULTICALL-017")
    assert found.verdict is Verdict.FAIL
    assert found.program.count("scene.multicall(") > 10


def test_what_fails_once_is_told_so() -> None:
    first: list[bool] = []

    def fails_once(scene: Scene, value: int) -> None:
        first.append(True)
        scene.holds(len(first) > 1, "it to hold", "it did not, once")

    (found,) = verdict_of(Memory, clause(fails_once, varies={"value": st.integers()}))
    assert found.verdict is Verdict.FAIL
    assert found.note.startswith("it failed once, and not on a new backend")


def sample() -> list[Any]:
    """Mutants from all over: each comes with a clause that catches it."""
    mutants = importlib.import_module("..mutants.judging", __package__).MUTANTS
    return [
        pytest.param(each, each.caught_by[-1], id=f"{each.__name__}-{each.caught_by[-1]}")
        for each in mutants[::9]
        if not each.facade
    ]


@pytest.mark.parametrize(("mutant", "id"), sample())
def test_the_program_shows_the_failure(
    mutant: Any, id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is run as a person would: by itself, on a backend of its own."""
    spec = f"play('{mutant.__module__}:{mutant.__name__}')"
    (found,) = verdict_of(mutant, id, program=spec, seed=2011, patience=2.0)
    assert found.verdict in (Verdict.FAIL, Verdict.NONSTRICT)
    assert len(found.program.splitlines()) < 300
    error = None
    try:
        exec(compile(found.program, "<program>", "exec"), {})
    except (Violation, Exception) as raised:
        error = raised
    if error is None:
        assert "scene.show()" in found.program.splitlines()[-2] + found.program.splitlines()[-1]
        assert "actor1" in capsys.readouterr().out
    else:
        assert not isinstance(error, NameError | SyntaxError | AttributeError), found.program


def test_a_program_runs_as_a_file(tmp_path: Path) -> None:
    spec = "play('tests.mutants.nova_2011_fake')"
    name = "..mutants.nova_2011_fake"
    fake = importlib.import_module(name, __package__)
    (found,) = verdict_of(lambda: fake, "RPC-SHARE-003", "RPC-CALL-012", program=spec)[1:]
    program = tmp_path / "program.py"
    program.write_text(found.program)
    done = subprocess.run(
        [sys.executable, program],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert done.returncode == 1
    assert f"Violation: expected {found.expected}; {found.actual}" in done.stderr


# The machine


def machine_finds(make: Callable[[], Any], seed: int = 0) -> Finding:
    profile = replace(PROFILES["default"], shrink_seconds=120.0)  # to its end
    (found,) = verdict_of(
        make, "RPC-WHOLE-001", profile=profile, patience=1.0, program="play('memory')", seed=seed
    )
    return found


def test_the_machine_passes_what_is_right() -> None:
    for seed in range(3):
        (found,) = verdict_of(Memory, "RPC-WHOLE-001", profile=PROFILES["default"], seed=seed)
        assert found.verdict is Verdict.PASS
        assert found.examples >= 25


class CopiesToAll(Memory):
    """Every consumer of a topic gets each cast."""

    def cast(self, context: Any, topic: str, msg: Any) -> None:
        for _ in self.queue(topic).consumers or [1]:
            super().cast(context, topic, msg)


class ForgetsFanouts(Memory):
    """A fanout cast is lost if a consumer has closed before."""

    one_was = False

    def create_connection(self, new: bool = True) -> Any:
        connection = super().create_connection(new)
        close = connection.close

        def closes() -> None:
            self.one_was = True
            close()

        connection.close = closes  # type: ignore[method-assign]
        return connection

    def fanout_cast(self, context: Any, topic: str, msg: Any) -> None:
        if not self.one_was:
            super().fanout_cast(context, topic, msg)


@pytest.mark.parametrize("wrong", [CopiesToAll, ForgetsFanouts])
def test_the_machine_finds_what_is_wrong_and_tells_it_in_few_steps(wrong: Any) -> None:
    # Not with each seed, and what a seed draws depends on the modules that are loaded: Hypothesis
    # draws the constants that it finds in them.
    findings = (machine_finds(wrong, seed) for seed in range(10))
    found = next(each for each in findings if each.verdict is Verdict.FAIL and steps_of(each) <= 24)
    assert found.expected in (
        "each message to be taken",
        "each message to be taken by whom it is for",
    )
    assert not found.note
    exec(found.program, {})  # on memory, which is right, it runs through


def steps_of(found: Finding) -> int:
    return sum(line.startswith("    ") for line in found.program.splitlines())


def test_what_a_backend_raises_in_the_machine_is_told() -> None:
    class Raises(Memory):
        def fanout_cast(self, context: Any, topic: str, msg: Any) -> None:
            raise LookupError("no fanouts here")

    found = machine_finds(Raises)
    assert found.actual == "it raised LookupError: no fanouts here"
    assert "scene.fanout_cast(" in found.program
    assert len(found.program.splitlines()) < 12


def test_the_machines_program_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    found = machine_finds(CopiesToAll)
    program = found.program.replace("play('memory')", "play(CopiesToAll())")
    exec(program, {"CopiesToAll": CopiesToAll})
    out = capsys.readouterr().out
    assert out.count("taken") >= 2
