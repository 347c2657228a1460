"""The examples of the documentation are really run: a wrong one is found."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFTEST = Path(__file__).parent.parent.parent / "docs" / "conftest.py"

RIGHT = {
    "python": "```python\nx = 1\n```\n\n```python\nassert x == 1\n```",
    "a file": "```{code-block} python\n:caption: test_a.py\n\ndef test_a():\n    pass\n```",
    "a file that fails": (
        "```{code-block} python\n:caption: test_a.py\n:class: fails\n\n"
        "def test_a():\n    assert not 1\n```"
    ),
    "a file that another needs": (
        "```{code-block} python\n:caption: shop.py\n\nPRICE = 3\n```\n\n"
        "```{code-block} python\n:caption: test_a.py\n\nfrom shop import PRICE\n\n\n"
        "def test_a():\n    assert PRICE == 3\n```"
    ),
    "a command": "```console\n$ echo one two three\none ... three\n$ echo four\nfour\n```",
    "a command of which nothing is shown": "```console\n$ echo one\n```",
    "a picture": "```text\na -> b\n```",
}

WRONG = {
    "python": "```python\nassert 1 == 2\n```",
    "a file": "```{code-block} python\n:caption: test_a.py\n\ndef test_a():\n    assert not 1\n```",
    "a file that should fail": (
        "```{code-block} python\n:caption: test_a.py\n:class: fails\n\ndef test_a():\n    pass\n```"
    ),
    "a test without a caption": "```python\ndef test_a():\n    pass\n```",
    "the output of a command": "```console\n$ echo one\ntwo\n```",
    "the second command": "```console\n$ echo one\none\n$ echo two\nthree\n```",
    "a command that fails": "```console\n$ exit 3\n```",
    "a language nobody can run": "```perl\nprint 1\n```",
    "a file without a name": "```toml\n[a]\n```",
}


@pytest.mark.parametrize("page", RIGHT.values(), ids=RIGHT)
def test_a_right_example_passes(page: str, pytester: pytest.Pytester) -> None:
    outcomes = run_page(page, pytester)
    assert outcomes.pop("passed") > 0
    assert outcomes == {}


@pytest.mark.parametrize("page", WRONG.values(), ids=WRONG)
def test_a_wrong_example_fails(page: str, pytester: pytest.Pytester) -> None:
    assert run_page(page, pytester) == {"failed": 1}


def test_a_skipped_example_is_skipped(pytester: pytest.Pytester) -> None:
    page = '% skip: next "it would install things"\n\n```console\n$ exit 3\n```'
    assert run_page(page, pytester)["skipped"] == 1


def run_page(page: str, pytester: pytest.Pytester) -> dict[str, int]:
    pytester.makeconftest(CONFTEST.read_text("utf-8"))
    pytester.path.joinpath("page.md").write_text(page + "\n", encoding="utf-8")
    return pytester.runpytest_inprocess("-p", "no:randomly", "page.md").parseoutcomes()
