"""The pages about the contract say what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rpcfake.cli import main
from rpcfake.contract import PROFILES, Verdict, all_clauses
from rpcfake.contract.markdown import clauses_page

DOCS = Path(__file__).parents[2] / "docs"
VERIFY = (DOCS / "reference" / "verify.md").read_text("utf-8")


def first_cells(header: str) -> list[str]:
    """The first cells of the table with this header, without backquotes."""
    below = VERIFY.split(f"\n{header}\n", 1)[1].splitlines()[1:]
    rows = below[: next(i for i, line in enumerate(below) if not line.startswith("|"))]
    return [row.strip("|").split("|")[0].strip().strip("`") for row in rows]


def test_the_page_of_clauses_is_made_from_the_registry() -> None:
    made = clauses_page(all_clauses())
    page = (DOCS / "reference" / "clauses.md").read_text("utf-8")
    assert page == made, "rpcfake clauses --markdown > docs/reference/clauses.md"


def test_the_page_has_every_clause_once() -> None:
    page = (DOCS / "reference" / "clauses.md").read_text("utf-8")
    ids = re.findall(r"^(RPC-\w+-\d+) \(", page, re.MULTILINE)
    assert ids == [clause.id for clause in all_clauses()]


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("a_b *c* [d]", r"a\_b \*c\* \[d\]"),
        ("`a_b[0]` and _c", r"`a_b[0]` and \_c"),
        ("<b> #1 a|b", r"\<b\> \#1 a\|b"),
    ],
)
def test_no_text_means_anything_on_the_page(text: str, made: str) -> None:
    from rpcfake.contract.markdown import _cell

    assert _cell(text) == made


def test_every_option_of_verify_is_documented() -> None:
    command = main.commands["verify"]
    options = [each.opts[0] for each in command.params if each.param_type_name == "option"]
    assert first_cells("| option | what it is |") == options


def test_every_profile_and_its_numbers_are_documented() -> None:
    for name, profile in PROFILES.items():
        assert f"| `{name}` | {profile.examples} | {profile.waiting_examples} |" in VERIFY


def test_every_verdict_is_documented() -> None:
    assert first_cells("| verdict | what it says |") == list(Verdict)


def test_the_matrix_counts_every_clause_on_every_backend() -> None:
    page = (DOCS / "reference" / "matrix-judged.md").read_text("utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines()]
    counted = (*Verdict, "does not apply")
    counts = [row[1:] for row in rows if row and row[0] in counted]
    sums = [sum(int(number or 0) for number in column) for column in zip(*counts, strict=True)]
    assert len(sums) == 5
    assert set(sums) == {len(all_clauses())}
