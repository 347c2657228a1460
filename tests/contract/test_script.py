"""The programs that violations come with: what a scene writes."""

from __future__ import annotations

import ast
import datetime
import decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake.backends.registry import find_backend
from rpcfake.contract import Scene, Violation, forms, strategies
from rpcfake.contract.scene import program_text
from rpcfake.contract.script import LONGEST, Script
from rpcfake.contract.trouble import ODD
from rpcfake.contract.violation import same
from rpcfake.errors import InvalidMessage


def written(*lines: str) -> list[str]:
    script = Script()
    for line in lines:
        script.write(line)
    return script.lines


# Lines


def test_a_remark_stands_beside_its_line_or_below_it() -> None:
    script = Script()
    script.write("short()").remark("gave 1")
    script.write(f"long({'x' * 90})").remark("gave\n2")
    assert script.lines == ["short()  # gave 1", f"long({'x' * 90})", "# gave 2"]


def test_a_line_is_named_when_its_value_is_needed() -> None:
    script = Script()
    first, second = script.write("one()"), script.write("two()")
    assert (second.named("given"), first.named("given"), second.named("given")) == (
        *("given1", "given2"),
        "given1",
    )
    assert script.lines == ["given2 = one()", "given1 = two()"]


def test_a_with_has_a_body() -> None:
    script = Script()
    with script.inside("with a()") as line:
        line.remark("raised nothing, " + "x" * 90)
    with script.inside("with b()") as line, script.inside("with c()"):
        script.write("do()")
        line.named("caught")
    assert script.lines == [
        *("with a():", "    pass", f"# raised nothing, {'x' * 90}"),
        *("with b() as caught1:", "    with c():", "        do()"),
    ]


def test_lines_that_only_count_up_are_a_loop() -> None:
    lines = [f"scene.cast('t', 'note', tag={tag})" for tag in range(3, 8)]
    assert written(*lines, "end()") == [
        *("for tag in range(3, 8):", "    scene.cast('t', 'note', tag=tag)"),
        "end()",
    ]
    assert written(*lines[:3]) == lines[:3]
    assert written(*lines[::2]) == lines[::2]
    assert written(lines[0], "between()", *lines[1:4]) == [lines[0], "between()", *lines[1:4]]


def test_a_loop_keeps_only_what_all_of_it_gave() -> None:
    script = Script()
    for tag in range(8):
        script.write(f"call(tag={tag})").remark("gave None" if tag < 4 else f"gave {tag}")
    assert script.lines == [
        *("for tag in range(4):", "    call(tag=tag)  # gave None"),
        *(f"call(tag={tag})  # gave {tag}" for tag in range(4, 8)),
    ]


def test_what_runs_beside_is_a_lambda_or_a_function() -> None:
    script = Script()

    def run(*lines: str) -> None:
        line = script.write("scene.spawn()")
        script.beside(line, lambda: [script.write(each) for each in lines] and None)()

    run("one()")
    run("one()", "two()")
    run()
    script.write("after()")
    assert script.lines == [
        "scene.spawn(lambda: one())",
        *("def does_beside1():", "    one()", "    two()"),
        "beside1 = scene.spawn(does_beside1)",
        *("def does_beside2():", "    pass", "beside2 = scene.spawn(does_beside2)"),
        "after()",
    ]


def test_a_part_of_a_line_is_not_written() -> None:
    script = Script()
    script.write("fence()")
    with script.muted():
        script.write("call()")
    assert script.lines == ["fence()"]


def test_a_program_begins_with_its_imports() -> None:
    script = Script()
    script.write(script.source(decimal.Decimal("0.1")))
    assert program_text(script.lines, "play('memory')").splitlines() == [
        *("import decimal", "from rpcfake.contract import play", ""),
        *("with play('memory') as scene:", "    decimal.Decimal('0.1')"),
    ]


@pytest.mark.parametrize("lines", [[], ["# nothing"]])
def test_a_program_that_does_nothing_can_be_run(lines: list[str]) -> None:
    exec(program_text(lines, "play('memory')"))


# Values


@given(strategies.payloads)
def test_a_value_is_written_as_it_is(value: Any) -> None:
    source = Script().source(value)
    assert len(source) > LONGEST or same(eval(source, {}), value)


@pytest.mark.parametrize(
    "value",
    [
        *("x" * 2**20, "\U0001f40d" * 300, "'" * 100, 10**4300 - 1, -(10**4300) + 8, 10**70 + 3),
        *((1,), (), (1, [2]), {1: {2: 3}}, {1, 2}, b"bytes", 1j, int, MappingProxyType({"a": 1})),
        *(datetime.date(2011, 9, 22), decimal.Decimal("0.1"), float("inf"), -0.0, Ellipsis),
        *([[[[]]]], [float("-inf")], "\ud800\u202e\x00"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_unusual_value_too(value: Any) -> None:
    script = Script()
    source = script.source(value)
    names: dict[str, Any] = {}
    exec("\n".join(script.lines), names)
    assert source.isprintable()
    assert len(source) < 200
    made = eval(source, names)
    assert made == value
    assert type(made) is type(value)


def test_a_value_that_is_too_long_is_shortened_and_still_python() -> None:
    for value in (list(range(5000)), "ab" * 5000, {str(key): key for key in range(5000)}):
        source = Script().source(value)
        assert len(source) < LONGEST
        ast.parse(source)


def test_a_value_that_holds_itself_is_written_all_the_same() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert Script().source(circle) == repr("[[[[[[[...]]]]]]]")


def test_what_is_kept_goes_by_its_name() -> None:
    script = Script()
    value: list[Any] = [1]
    script.keep(value, "value")
    assert script.source({"key": value, "other": [1]}) == "{'key': value, 'other': [1]}"
    value.append(2)
    script.keep(value, "value")  # it has changed, and is written anew
    assert script.lines == ["value = [1]", "value = [1, 2]"]


@pytest.mark.parametrize("which", sorted(ODD))
def test_what_json_cannot_carry_has_a_name(which: str) -> None:
    with Scene(find_backend("memory")) as scene:
        value = scene.odd(which)
        scene.refused("it", lambda: scene.send("cast", {}, "topic", {"method": "m", "args": value}))
        program = program_text(scene.program, "play('memory')")
    assert f"scene.odd({which!r})" in program
    exec(program)


# Scenes


def failing(act: Any) -> str:
    """The program of what ends in a violation."""
    with Scene(find_backend("memory"), 0.2) as scene, pytest.raises(Violation):
        act(scene)
    return program_text(scene.program, "play('memory')")


def given_by_a_call(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    scene.same(scene.call(topic, "give", value=[1]), [2], "the value")


def given_by_a_multicall(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    scene.same(list(scene.multicall(topic, "yields", values=[1, 2])), [2, 1], "the values")


def given_one_by_one(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    reading = scene.multicall(topic, "yields", values=[1, 2, 3])
    scene.same([next(reading), *reading], [3, 2, 1], "the values")


def given_before_an_error(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    reading = scene.multicall(topic, "yields_then_fails", values=[1])
    got: list[Any] = []
    scene.remote_error("it", lambda: got.extend([]) or [got.append(each) for each in reading])
    scene.same(got, [2], "the values before the error")


def told_by_an_error(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    exc_type, _, _ = scene.remote_error("it", lambda: scene.call(topic, "fails"))
    scene.same(exc_type, "KeyError", "the error's exc_type")


def an_error_that_does_not_come(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    with scene.fails(scene.RemoteError, what="the call"):
        scene.call(topic, "give")


def another_error(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    with scene.fails(InvalidMessage, scene.Timeout, what="the call"):
        scene.call(topic, "fails")


def not_refused(scene: Scene) -> None:
    scene.refused("a cast", lambda: scene.send("cast", {}, scene.topic(), {"method": "note"}))


def not_taken(scene: Scene) -> None:
    topic, actor = scene.topic(), scene.actor("somebody")
    scene.declare(scene.connect(), topic, actor)
    scene.cast(topic, "note", tag=1)
    scene.await_taken(1, actor)


def taken_twice(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    for _ in range(2):
        scene.cast(topic, "note", tag="once")
    scene.fence(topic)
    scene.await_once(["once"], "it to be taken once")


def looked_up(scene: Scene) -> None:
    listener = scene.listener()
    topic = scene.serve(listener)
    scene.call(topic, "m1")
    scene.same(scene.looked_up(listener), ["m2"], "the order")


def beside(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    spawned = scene.spawn(lambda: scene.call(topic, "give", value=1))
    scene.same(scene.result(spawned, "the call"), 2, "what it gave")


def not_back(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    scene.result(scene.call_beside(topic, "holds", gate="gate", timeout=9), "the call")


def spoiled(scene: Scene) -> None:
    value = scene.keep([1], "value")
    scene.spoil(value)
    scene.same(value, [1], "the value")


def by_the_facade(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    context = forms.Giving({"a": 1})
    given = scene.facade("call", context, topic, {"method": "tells_context"})
    scene.same(given, {}, "the context")


def in_a_with(scene: Scene) -> None:
    topic = scene.topic()
    with scene.entered(scene.connect()) as entered:
        scene.declare(entered, topic, scene.actor())
        scene.start(entered)
        scene.same(scene.call(topic, "give", value=1), 2, "the value")


def names_that_are_no_names(scene: Scene) -> None:
    topic = scene.serve(scene.actor())
    scene.same(scene.call(topic, "takes", **{"a b": 1, "class": 2}), {}, "the arguments")


@pytest.mark.parametrize(
    "act",
    [
        *(given_by_a_call, given_by_a_multicall, given_one_by_one, given_before_an_error),
        *(told_by_an_error, an_error_that_does_not_come, another_error, not_refused, not_taken),
        *(taken_twice, looked_up, beside, not_back, spoiled, by_the_facade, in_a_with),
        names_that_are_no_names,
    ],
    ids=lambda act: act.__name__,
)
def test_the_program_ends_in_the_same_violation(act: Any) -> None:
    program = failing(act)
    with pytest.raises(Violation):
        exec(program, {})


def test_where_no_expression_is_known_the_program_shows_what_happened(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def act(scene: Scene) -> None:
        topic = scene.serve(scene.actor())
        scene.cast(topic, "note", tag="seen", value=5)
        scene.happens(lambda: scene.taken())
        values = [event.value for event in scene.history.of("taken")]
        scene.same(values, [6], "the values")

    exec(failing(act))
    assert "actor1     taken     note 'seen': 5" in capsys.readouterr().out


def test_a_gate_that_a_handler_opens_is_not_opened_by_the_program() -> None:
    with Scene(find_backend("memory")) as scene:
        topic = scene.serve(scene.actor())
        scene.call(topic, "casts_and_holds", topic=topic, gate="gate")
    assert [line for line in scene.program if "open_gate" in line] == []


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_remark_never_becomes_code(before: str, after: str) -> None:
    script = Script()
    script.write("").remark(f"{before}\nraise SystemExit\r{after}")
    exec("\n".join(script.lines))
