"""``--rpcfake-report``: what became of the tests that used a bus, and their traffic, as a page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

TESTS = """
import pytest, rpcfake, shop

@pytest.fixture
def stubbed(rpc_bus):
    rpc_bus.stub("shop", "price").returns(3)

@pytest.fixture
def broken(rpc_bus):
    rpcfake.cast({}, "mail", {"method": "setup"})
    raise ValueError("not set up")

def test_passes(rpc_bus, stubbed):
    shop.call()

def test_fails(rpc_bus, stubbed):
    assert shop.call() == 4, "dear"

def test_errs(broken):
    pass

@pytest.mark.parametrize("kind", ["x"])
def test_leaves(rpc_bus, kind):
    shop.cast()

@pytest.mark.skip
def test_skipped(rpc_bus):
    pass

@pytest.mark.xfail
def test_xfails(rpc_bus, stubbed):
    assert shop.call() == 4

@pytest.mark.xfail
def test_xpasses(rpc_bus, stubbed):
    shop.call()

def test_sends_nothing(rpc_bus):
    pass

def test_without_a_bus():
    pass
"""


def read(project: Project, folder: str = "page") -> dict[str, dict[str, Any]]:
    """Of each test on the page what it is told, and of its buses."""
    page = (project.pytester.path / folder / "index.html").read_text(encoding="utf-8")
    blocks = re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', page, re.S)
    data = {id: json.loads(block) for id, block in blocks}
    return {
        entry["name"]: entry
        | {"data": [data[f"sheet-{number}-{place}"] for place in range(entry["sheets"])]}
        for number, entry in enumerate(data["index"]["entries"])
    }


def outcomes(entries: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name.removeprefix("test_it.py::"): one["outcome"] for name, one in entries.items()}


def words(entry: dict[str, Any]) -> list[list[str]]:
    return [[line[2] for line in data["lines"]] for data in entry["data"]]


OUTCOMES = {
    "test_passes": "passed",
    "test_fails": "failed",
    "test_errs": "error",
    "test_leaves[x]": "error",
    "test_xfails": "xfailed",
    "test_xpasses": "xpassed",
    "test_sends_nothing": "passed",
}


def test_every_test_with_a_bus_is_there(project: Project) -> None:
    result = project.run(TESTS, "--rpcfake-report=page")
    result.stdout.fnmatch_lines(["*rpcfake: the traffic of 7 tests is in page?index.html*"])
    entries = read(project)
    assert outcomes(entries) == OUTCOMES
    assert [*entries] == [f"test_it.py::{name}" for name in OUTCOMES]  # as they stand in the file
    passed = entries["test_it.py::test_passes"]
    assert words(passed) == [["call price(item='tea')", "reply to price: 3"]]
    assert (passed["sent"], passed["wrong"], passed["notes"]) == (1, 0, [])
    assert passed["topics"] == ["shop"]
    assert 0 < passed["seconds"] < 60
    assert words(entries["test_it.py::test_sends_nothing"]) == [[]]
    page = (project.pytester.path / "page" / "index.html").read_text(encoding="utf-8")
    assert "<title>rpcfake: traffic of 7 tests of 9</title>" in page


def test_what_went_wrong_is_told(project: Project) -> None:
    project.run(TESTS, "--rpcfake-report=page")
    entries = read(project)
    ((title, text),) = entries["test_it.py::test_fails"]["notes"]
    assert title == "Failure"
    assert "AssertionError: dear" in text
    (title, text), (more, _) = entries["test_it.py::test_errs"]["notes"]
    assert (title, more) == ("Failure at setup", "Leftovers at teardown")
    assert "ValueError: not set up" in text
    assert words(entries["test_it.py::test_errs"]) == [["cast mail.setup() (nothing serves it)"]]
    ((title, text),) = entries["test_it.py::test_leaves[x]"]["notes"]
    assert title == "Failure at teardown"
    assert "the bus was not clean" in text
    assert entries["test_it.py::test_leaves[x]"]["wrong"] == 1


def test_leftovers_of_a_failed_test_are_told(project: Project) -> None:
    source = """
    import shop

    def test_fails(rpc_bus):
        shop.cast()
        assert False
    """
    project.run(source, "--rpcfake-report=page")
    notes = dict(read(project)["test_it.py::test_fails"]["notes"])
    assert [*notes] == ["Failure", "Leftovers at teardown"]


def test_all_buses_of_a_test_are_there(project: Project) -> None:
    source = """
    import shop

    def test_two(rpc_bus_factory):
        for price in (3, 5):
            with rpc_bus_factory() as bus:
                bus.stub("shop", "price").returns(price)
                shop.call()

    def test_threads(rpc_threaded_bus):
        rpc_threaded_bus.stub("shop", "price").returns(7)
        shop.call()
    """
    project.run(source, "--rpcfake-report=page").assert_outcomes(passed=2)
    entries = read(project)
    replies = [lines[1] for lines in words(entries["test_it.py::test_two"])]
    assert replies == ["reply to price: 3", "reply to price: 5"]
    (threads,) = entries["test_it.py::test_threads"]["data"]
    assert (threads["clock"], len(threads["lines"])) == ("real", 2)


def test_traffic_that_cannot_be_read_breaks_nothing(project: Project) -> None:
    source = """
    import pytest, shop

    class Odd:
        name = "odd"
        def encode(self, value):
            return "text"
        def decode(self, text):
            raise ZeroDivisionError("so it is")

    @pytest.mark.rpc_bus(codec=Odd(), allow={"untaken"})
    def test_it(rpc_bus):
        shop.cast()
    """
    result = project.run(source, "--rpcfake-report=page")
    result.assert_outcomes(passed=1, errors=1)  # the plugin reads it at the end, too
    (entry,) = read(project).values()
    assert (entry["outcome"], entry["sheets"]) == ("error", 0)
    assert entry["notes"][-1] == ["No diagram", "ZeroDivisionError: so it is"]


def test_a_bus_of_wider_scope_shows_each_test_its_own(project: Project) -> None:
    source = """
    import pytest, shop

    @pytest.fixture(scope="module")
    def bus(rpc_bus_factory):
        with rpc_bus_factory() as bus:
            bus.stub("shop", "price").returns(3)
            yield bus

    @pytest.mark.parametrize("item", ["tea", "milk"])
    def test_one(bus, item):
        shop.call(item=item)
    """
    project.run(source, "--rpcfake-report=page").assert_outcomes(passed=2)
    assert [words(entry)[0][0] for entry in read(project).values()] == [
        "call price(item='tea')",
        "call price(item='milk')",
    ]


def test_no_secret_is_on_the_page(project: Project) -> None:
    project.ini("rpcfake_redact = pin", "rpcfake_keep = token")
    source = """
    import rpcfake

    def test_it(rpc_bus):
        rpc_bus.stub("shop", "pay").raises(ValueError("the pin 4711-0815-1 is wrong"))
        args = {"pin": "4711-0815-1", "password": "open-sesame-1", "token": "no-secret-1"}
        try:
            rpcfake.call({}, "shop", {"method": "pay", "args": args})
        finally:
            assert args["password"] == ""
    """
    project.run(source, "--rpcfake-report=page").assert_outcomes(failed=1)
    page = (project.pytester.path / "page" / "index.html").read_text(encoding="utf-8")
    assert "4711" not in page
    assert "open-sesame-1" not in page
    assert "no-secret-1" in page
    assert "[redacted #1]" in page


def test_what_one_bus_or_the_failure_tells_is_secret_on_all(project: Project) -> None:
    source = """
    import pytest, rpcfake

    def send(**args):
        rpcfake.call({}, "shop", {"method": "pay", "args": args})

    @pytest.mark.parametrize("password", ["open-sesame-1"])
    def test_it(rpc_bus_factory, password):
        for args in ({"note": "zebra-secret-2 and zebra-secret-3"}, {"password": "zebra-secret-2"}):
            with rpc_bus_factory() as bus:
                bus.stub("shop", "pay").returns(1)
                send(**args, token=password)
        raise ValueError("token=zebra-secret-3")
    """
    project.run(source, "--rpcfake-report=page").assert_outcomes(failed=1)
    page = (project.pytester.path / "page" / "index.html").read_text(encoding="utf-8")
    for secret in ("open-sesame-1", "zebra-secret"):
        assert secret not in page
    (name,) = read(project)
    assert name.startswith("test_it.py::test_it[[redacted #")


@pytest.mark.parametrize(
    "options", [["--collect-only"], ["-k", "zzz"], ["--fixtures"], ["nowhere.py"], ["--help"]]
)
def test_who_runs_no_test_leaves_the_page_alone(project: Project, options: list[str]) -> None:
    project.run(TESTS, "--rpcfake-report=page")
    project.run(TESTS, "--rpcfake-report=page", *options)
    assert outcomes(read(project)) == OUTCOMES
    project.run(TESTS, "--rpcfake-report=other", *options)
    assert not (project.pytester.path / "other" / "index.html").exists()


def test_subtests_are_parts_of_their_test(project: Project) -> None:
    source = """
    import pytest, shop, unittest

    @pytest.mark.rpc_bus
    class TestIt(unittest.TestCase):
        def setUp(self):
            self.rpc_bus.stub("shop", "price").returns(3)

        def test_passes(self):
            for number in range(2):
                with self.subTest(number=number):
                    shop.call()

        def test_fails(self):
            for number in range(2):
                with self.subTest(number=number):
                    assert shop.call() == 3 + number
    """
    project.run(source, "--rpcfake-report=page")
    entries = read(project)
    assert outcomes(entries)["TestIt::test_passes"] == "passed"
    assert outcomes(entries)["TestIt::test_fails"] == "failed"


def test_of_a_very_long_failure_both_ends_are_there(project: Project) -> None:
    source = """
    def test_it(rpc_bus):
        raise ValueError("x" * 150_000 + " the end")
    """
    project.run(source, "--rpcfake-report=page")
    ((_, text),) = read(project)["test_it.py::test_it"]["notes"]
    assert len(text) < 100_100
    assert re.search(r"x\n… \d+,\d+ characters left out …\nx", text)
    assert "the end" in text
    assert text.rstrip().endswith("test_it.py:3: ValueError")


def test_tests_stand_as_they_were_collected_under_xdist_too(project: Project) -> None:
    pytest.importorskip("xdist")
    source = """
    import pytest

    @pytest.mark.parametrize("number", range(20))
    def test_it(rpc_bus, number):
        pass
    """
    project.run_apart(source, "--rpcfake-report=page", "-n3", "-p", "no:randomly")
    assert [*read(project)] == [f"test_it.py::test_it[{number}]" for number in range(20)]


def test_the_page_is_the_same_under_xdist(project: Project) -> None:
    pytest.importorskip("xdist")
    alone = project.run_apart(TESTS, "--rpcfake-report=alone", "-p", "no:randomly")
    split = project.run_apart(TESTS, "--rpcfake-report=split", "-n2", "-p", "no:randomly")
    assert alone.ret == split.ret == 1
    split.stdout.fnmatch_lines(["*rpcfake: the traffic of 7 tests is in split?index.html*"])

    def told(folder: str) -> list[Any]:
        entries = read(project, folder)
        return [(name, one["outcome"], words(one)) for name, one in entries.items()]

    assert told("split") == told("alone")


def test_who_keeps_reports_need_not_keep_the_page(project: Project) -> None:
    project.write(
        "conftest",
        """
        def pytest_runtest_logreport(report):
            print("kept", sorted(vars(report)))
        """,
    )
    result = project.run(TESTS, "--rpcfake-report=page", "-s")
    assert "kept" in result.stdout.str()
    assert "rpcfake_page" not in result.stdout.str()


def test_the_ini_file_may_ask_for_it_and_the_command_line_wins(project: Project) -> None:
    project.ini("rpcfake_report = from/ini")
    project.run(TESTS)
    assert outcomes(read(project, "from/ini")) == OUTCOMES
    project.run(TESTS, "--rpcfake-report=page")
    assert outcomes(read(project)) == OUTCOMES


def test_without_it_nothing_is_written(project: Project) -> None:
    before = {*project.pytester.path.iterdir()}
    result = project.run("import rpcfake, shop\n" + "def test_it(rpc_bus):\n    pass\n")
    assert "traffic of" not in result.stdout.str()
    made = {path.name for path in {*project.pytester.path.iterdir()} - before}
    assert made <= {"test_it.py", ".pytest_cache", "__pycache__"}


@pytest.mark.parametrize(
    ("folder", "text"),
    [
        ("", "--rpcfake-report must be a folder, not '' (str)"),
        ("shop.py", "*--rpcfake-report: *shop.py can't be made a folder: File exists"),
        ("shop.py/below", "*--rpcfake-report: *below can't be made a folder: Not a directory"),
    ],
)
def test_a_folder_that_cannot_be_is_told_at_once(project: Project, folder: str, text: str) -> None:
    result = project.run(TESTS, f"--rpcfake-report={folder}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{text}*"])


def test_a_page_that_cannot_be_written_at_the_end_is_told(project: Project) -> None:
    source = """
    import shutil
    from pathlib import Path

    def test_it(rpc_bus):
        shutil.rmtree("page")
        Path("page").write_text("in the way")
    """
    result = project.run(source, "--rpcfake-report=page")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*rpcfake: *page can't be written: File exists*"])


def test_a_test_that_is_run_twice_stands_there_twice(project: Project) -> None:
    project.write(
        "conftest",
        """
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            for _ in range(2):
                item._initrequest()
                for report in runtestprotocol(item, nextitem=nextitem, log=False):
                    item.ihook.pytest_runtest_logreport(report=report)
            return True
        """,
    )
    source = """
    import shop

    def test_it(rpc_bus):
        rpc_bus.stub("shop", "price").returns(3)
        shop.call()
    """
    result = project.run(source, "--rpcfake-report=page")
    result.stdout.fnmatch_lines(["*the traffic of 2 tests*"])


def test_the_page_is_written_where_there_is_no_terminal(project: Project) -> None:
    project.run(TESTS, "--rpcfake-report=page", "-p", "no:terminal")
    assert outcomes(read(project)) == OUTCOMES


def test_the_path_is_short(project: Project, tmp_path: Path) -> None:
    result = project.run(TESTS, f"--rpcfake-report={tmp_path / 'far'}")
    assert re.search(r"is in \S*far/index.html", result.stdout.str())
