"""Failed comparisons of traffic and of records: by record, and only what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

SENT = """
import rpcfake, shop

def test_it(rpc_bus):
    rpc_bus.stub("shop", "price").returns(3)
    shop.call(item="tea")
    shop.call(item="milk")
    sent = rpc_bus.traffic.sent
    {}
"""


def explanation(project: Project, *assertion: str) -> list[str]:
    """The lines of the failure, without the mark of an error line."""
    result = project.run(SENT.format("\n    ".join(assertion)), "-vv")
    result.assert_outcomes(failed=1)
    lines = [line.removeprefix("E       ") for line in result.outlines if line.startswith("E ")]
    assert lines.pop(0).removeprefix("AssertionError: ").startswith("assert ")
    return lines


def test_two_records(project: Project) -> None:
    assert explanation(project, "assert sent[0] == sent[1]") == [
        "  seq: left 0, right 4",
        "  args[\"item\"]: left 'tea', right 'milk'",
        "  id: left 0, right 4",
    ]


def test_kinds_are_shown_as_words(project: Project) -> None:
    assert "  kind: left 'call', right 'taken'" in explanation(
        project, "assert rpc_bus.traffic[0] == rpc_bus.traffic[1]"
    )


def test_keys_of_one_side_only(project: Project) -> None:
    assert explanation(
        project,
        "from dataclasses import replace",
        "assert sent[0] == replace(sent[0], args={'item': 'tea', 'more': 1})",
    ) == ['  args["more"]: only right: 1']
    assert explanation(
        project,
        "from dataclasses import replace",
        "assert sent[0] == replace(sent[0], args={})",
    ) == ["  args[\"item\"]: only left: 'tea'"]


ODD = (
    "from dataclasses import replace",
    "class Odd:",
    "    def __eq__(self, other): raise OSError('odd')",
    "    def __repr__(self): return 'Odd()'",
    "odd = replace(sent[0], args={'item': Odd()})",
)


def test_values_that_can_not_be_compared(project: Project) -> None:
    assert explanation(project, *ODD, "assert sent[1] == odd") == [
        "  seq: left 4, right 0",
        "  args[\"item\"]: comparing 'milk' with Odd() raised OSError: odd",
        "  id: left 4, right 0",
    ]


def test_records_that_can_not_be_compared(project: Project) -> None:
    assert explanation(project, *ODD, "assert sent == [1, replace(odd, seq=4, id=4)]") == [
        "  [0] left <Record #0 at 0 s: call shop.price(item='tea')>, right 1",
        "  [1] #4 at 0 s: call shop.price(item='milk')",
        "    args[\"item\"]: comparing 'milk' with Odd() raised OSError: odd",
    ]


def test_two_traffics(project: Project) -> None:
    assert explanation(project, "assert sent == sent[1:]") == [
        "  left has 2 records, right 1",
        "  [0] #0 at 0 s: call shop.price(item='tea')",
        "    seq: left 0, right 4",
        "    args[\"item\"]: left 'tea', right 'milk'",
        "    id: left 0, right 4",
        "  only left: [1] #4 at 0 s: call shop.price(item='milk')",
    ]


def test_a_traffic_and_a_list(project: Project) -> None:
    assert explanation(project, "assert [*sent, 'more'] == sent[:1]")[:3] == [
        "  left has 3 records, right 1",
        "  only left: [1] #4 at 0 s: call shop.price(item='milk')",
        "  only left: [2] 'more'",
    ]


def test_a_long_one_is_bounded(project: Project) -> None:
    assert explanation(
        project,
        "for number in range(20):",
        "    shop.call(item=number)",
        "sent = rpc_bus.traffic.sent",
        "assert sent == [1] * 10",
    ) == [
        "  left has 22 records, right 10",
        "  [0] left <Record #0 at 0 s: call shop.price(item='tea')>, right 1",
        "  [1] left <Record #4 at 0 s: call shop.price(item='milk')>, right 1",
        "  [2] left <Record #8 at 0 s: call shop.price(item=0)>, right 1",
        "  and 7 records more differ",
        "  only left: [10] #40 at 0 s: call shop.price(item=8)",
        "  only left: [11] #44 at 0 s: call shop.price(item=9)",
        "  only left: [12] #48 at 0 s: call shop.price(item=10)",
        "  only left: 9 records more",
    ]


def test_other_comparisons_are_pytests_own(project: Project) -> None:
    project.run(
        """
        def test_it(rpc_bus):
            assert [1, 2] == [1, 3]
        """
    ).stdout.fnmatch_lines(["*At index 1 diff: 2 != 3*"])
