"""What the README and its neighbours promise is so."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pytest

from rpcfake.contract import GROUPS, PROFILES, Judge, all_clauses

from .mutants import nova_2011_fake

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def first_test() -> str:
    return blocks()[0]


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_first_test_passes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_shop=first_test())
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_the_first_test_would_fail_if_the_code_were_wrong(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_shop=first_test().replace("return sum(", "return 1 + sum("))
    pytester.runpytest_subprocess().assert_outcomes(failed=1)


def test_the_others_pass(pytester: pytest.Pytester) -> None:
    for number, code in enumerate(blocks()):
        pytester.makepyfile(**{f"test_{number}": code})
    pytester.runpytest_subprocess().assert_outcomes(passed=len(blocks()))


def test_the_first_test_is_short_and_comes_first() -> None:
    assert len(first_test().splitlines()) < 20
    assert README.startswith("# rpcfake\n\n```python\n")


def told_of_the_fake() -> dict[str, dict[str, int]]:
    """What the README says of the fake of 2011: for each group its verdicts."""
    block = README.split("$ rpcfake verify tests.mutants.nova_2011_fake\n")[1].split("```")[0]
    header, *rows = block.splitlines()
    ends = {name: header.index(name) + len(name) for name in header.split()[1:]}
    return {
        row.split()[0]: {
            name: int(number)
            for name, end in ends.items()
            if (number := row[end - 4 : end].strip())
        }
        for row in rows
    }


def test_what_is_said_of_the_fake_counts_every_clause() -> None:
    clauses = [clause.group for clause in all_clauses()]
    assert {group: sum(counts.values()) for group, counts in told_of_the_fake().items()} == {
        group: clauses.count(group) for group in GROUPS
    }


@pytest.mark.skipif("RPCFAKE_SLOW_TESTS" not in os.environ, reason="a minute: see the noxfile")
def test_what_is_said_of_the_fake_is_so() -> None:
    # It hangs in many clauses, and does nothing in others: so much patience is enough to see it.
    judge = Judge(lambda: nova_2011_fake, "fake", profile=PROFILES["quick"], patience=0.3)
    findings = judge.judge(all_clauses()).findings
    assert told_of_the_fake() == {
        group: dict(Counter(str(one.verdict) for one in findings if one.clause.group == group))
        for group in GROUPS
    }


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", README + CONTRIBUTING)
    local = [target for target in targets if "://" not in target]
    assert local
    assert [target for target in local if not (ROOT / target).exists()] == []


def test_the_nox_sessions_exist() -> None:
    defined = set(
        re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text("utf-8"), re.M)
    )
    named = set(re.findall(r"nox -s (\w+)", README + CONTRIBUTING))
    assert named
    assert named - defined == set()


def test_every_dependency_has_its_reason() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    block = re.search(r"^dependencies = \[(.*?)^\]", pyproject, re.DOTALL | re.M)
    assert block is not None
    for name in re.findall(r'"(\w+)', block[1]):
        assert f"[{name}](https://pypi.org/project/{name}/)" in README
        assert f"\n- **{name}**: " in CONTRIBUTING


def test_changelog_fragments_are_named_as_the_changelog_says() -> None:
    names = [path.name for path in (ROOT / "docs" / "changelog.d").iterdir()]
    assert [n for n in names if not re.fullmatch(r"[a-z0-9-]+\.(added|changed|fixed)\.md", n)] == []
