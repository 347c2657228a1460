"""rpc_cassette: recorded where that is asked for, compared ever after."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rpcfake import Traffic

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

ONE = """
import pytest, rpcfake, shop

@pytest.fixture(autouse=True)
def stubbed(rpc_bus):
    rpc_bus.stub("shop", "price").returns(3)

def test_buy(rpc_bus, rpc_cassette):
    {}
    assert rpc_bus.traffic == rpc_cassette{}
"""

TWO = 'shop.call(item="tea"); shop.call(item="milk")'
FILE = Path("cassettes") / "test_it" / "test_buy.jsonl"


@pytest.fixture(autouse=True)
def not_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


def one(body: str = TWO, options: str = "") -> str:
    return ONE.format(body, options)


def recorded(project: Project, source: str = "") -> Path:
    """The file, after a first run that recorded it."""
    project.run(source or one(), "--rpcfake-record=once").assert_outcomes(passed=1)
    return project.pytester.path / FILE


def failure(project: Project, source: str, *args: str) -> list[str]:
    """What the failure says below its headline."""
    result = project.run(source, *args)
    result.assert_outcomes(failed=1)
    lines = [line.removeprefix("E       ") for line in result.outlines if line.startswith("E ")]
    assert lines[0].removeprefix("AssertionError: ").startswith("assert <Traffic of ")
    assert lines[0].endswith(f"== <rpc_cassette {FILE}>")
    return [line.removeprefix("  ") for line in lines[1:] if line.strip()]


def test_without_a_file_the_failure_says_how_to_record_it(project: Project) -> None:
    assert failure(project, one()) == [
        "There is no such file yet.",
        "To record it: pytest test_it.py::test_buy --rpcfake-record=once",
    ]
    assert not (project.pytester.path / "cassettes").exists()


def test_once_records_it_and_then_it_is_compared(project: Project) -> None:
    path = recorded(project)
    text = path.read_bytes()
    assert b'"item": "milk"' in text
    project.run(one()).assert_outcomes(passed=1)
    failure(project, one('shop.call(item="tea")'), "--rpcfake-record=once")
    assert path.read_bytes() == text


def test_the_failure_is_a_diff_by_message(project: Project) -> None:
    recorded(project)
    body = 'shop.call(item="tea"); shop.call(item="salt"); shop.cast(topic="shop", item="x")'
    assert failure(project, one(body)) == [
        "1 changed, 1 added",
        "changed    #4  call shop.price(item='salt')",
        "               args[\"item\"]: expected 'milk', was 'salt'",
        "added      #8  cast shop.price(item='x')",
        "To accept it: pytest test_it.py::test_buy --rpcfake-record=all",
    ]


def test_missing_and_moved(project: Project) -> None:
    recorded(project)
    only_tea = failure(project, one('shop.call(item="tea")'))
    assert "missing    #4  call shop.price(item='milk')" in only_tea
    turned = 'shop.call(item="milk"); shop.call(item="tea")'
    lines = failure(project, one(turned, "(kinds={'call'})"))
    assert lines[:3] == [
        "1 moved",
        "moved      #4  call shop.price(item='tea')",
        "               was #0, is #4",
    ]


def test_new_accepts_what_came_beside_and_nothing_else(project: Project) -> None:
    path = recorded(project)
    more = one(f'{TWO}; shop.call(item="cup")')
    assert failure(project, more)[-1].endswith("--rpcfake-record=new")
    failure(project, one('shop.call(item="cup")'), "--rpcfake-record=new")
    assert b"cup" not in path.read_bytes()
    project.run(more, "--rpcfake-record=new").assert_outcomes(passed=1)
    assert b"cup" in path.read_bytes()


def test_all_accepts_whatever_differs_and_leaves_the_rest(project: Project) -> None:
    path = recorded(project)
    before = path.stat().st_mtime_ns
    project.run(one(), "--rpcfake-record=all").assert_outcomes(passed=1)
    assert path.stat().st_mtime_ns == before
    project.run(one('shop.call(item="cup")'), "--rpcfake-record=all").assert_outcomes(passed=1)
    assert b"cup" in path.read_bytes()


def test_ci_never_writes(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    for mode in ("once", "new", "all"):
        failure(project, one(), f"--rpcfake-record={mode}")
    assert not (project.pytester.path / "cassettes").exists()


@pytest.mark.parametrize(
    ("body", "options"),
    [
        ('shop.call(item="milk"); shop.call(item="tea")', '(order="none")'),
        ('shop.call(item="tea"); shop.call(item="salt")', '(ignore=["item"])'),
        ('shop.call(item="tea"); shop.call(item="salt")', '(ignore=["args.item"])'),
        ('shop.call(item="tea"); shop.call(item="salt")', '(match={"args.*": "salt"}, kinds=())'),
        (f'{TWO}; shop.cast(item="x"); rpc_bus.run()', '(kinds={"call", "ending"})'),
    ],
)
def test_what_counts(project: Project, body: str, options: str) -> None:
    recorded(project)
    failure(project, one(body))
    project.run(one(body, options)).assert_outcomes(passed=1)


def test_a_marker_says_what_counts_too(project: Project) -> None:
    recorded(project)
    source = one('shop.call(item="tea"); shop.call(item="salt")')
    marked = source.replace(
        "def test_buy", "@pytest.mark.rpc_cassette(ignore={'item'})\ndef test_buy"
    )
    project.run(marked).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("ignor=['item']", "there is no option 'ignor'; did you mean 'ignore'?"),
        ("order='topics'", "order is 'topics': it must be total, topic, none"),
        ("kinds={'calls'}", "kinds has 'calls': it must have *; did you mean 'call'?"),
        ("times=True, order='none'", "times=True needs order='total', not 'none'"),
        ("'topic'", "must be given options by name, not 'topic'"),
    ],
)
def test_a_wrong_marker_is_refused(project: Project, options: str, text: str) -> None:
    source = one().replace("def test_buy", f"@pytest.mark.rpc_cassette({options})\ndef test_buy")
    result = project.run(source)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*UsageError: rpcfake: marker rpc_cassette on *{text}*"])


def test_a_wrong_mode_is_refused(project: Project) -> None:
    result = project.run(one(), "--rpcfake-record=always")
    text = "*rpcfake: --rpcfake-record must be one of none, once, new, all, not 'always'*"
    result.stderr.fnmatch_lines([text])


def test_each_parameter_and_class_has_its_own_file(project: Project) -> None:
    source = """
    import pytest, shop

    class TestShop:
        @pytest.mark.parametrize("item", ["tea", "a/b: c", "x" * 300, "y" * 300])
        def test_buy(self, rpc_bus, rpc_cassette, item):
            rpc_bus.stub("shop", "price").returns(3)
            shop.call(item=item)
            assert rpc_bus.traffic == rpc_cassette
    """
    project.run(source, "--rpcfake-record=once").assert_outcomes(passed=4)
    names = sorted(path.name for path in (project.pytester.path / FILE.parent).iterdir())
    assert len(names) == 4
    assert "TestShop.test_buy[tea].jsonl" in names
    assert "TestShop.test_buy[a%2fb%3a%20c].jsonl" in names
    assert max(map(len, names)) < 160
    project.run(source).assert_outcomes(passed=4)


def test_secrets_are_not_in_the_file_and_still_compare(project: Project) -> None:
    project.ini("rpcfake_redact = item", "rpcfake_keep = token_count")
    path = recorded(project)
    assert b"milk" not in path.read_bytes()
    project.run(one()).assert_outcomes(passed=1)
    project.run(one('shop.call(item="a"); shop.call(item="b")')).assert_outcomes(passed=1)
    lines = failure(project, one('shop.call(item="a"); shop.call(item="a")'))
    assert "stood for another secret before" in "\n".join(lines)


def test_real_times_are_not_in_the_file(project: Project) -> None:
    source = one().replace("rpc_bus", "rpc_threaded_bus")
    assert b'"clock": "none"' in recorded(project, source).read_bytes()
    project.run(source).assert_outcomes(passed=1)


def test_a_test_that_never_compares_fails(project: Project) -> None:
    result = project.run("def test_buy(rpc_bus, rpc_cassette): pass")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*asked for rpc_cassette, and never compared with it:*"])


def test_a_damaged_file_is_told(project: Project) -> None:
    path = recorded(project)
    path.write_text(path.read_text().replace('"call"', '"cal"', 1))
    result = project.run(one())
    result.stdout.fnmatch_lines(
        ["*CassetteError: *test_buy.jsonl, line 2, column 2: kind is 'cal'*"]
    )


# Unused ones


def test_unused_ones_are_told_and_removed_if_asked(project: Project) -> None:
    path = recorded(project)
    old = path.with_name("test_old.jsonl")
    gone = path.parents[1] / "test_gone" / "test_x.jsonl"
    gone.parent.mkdir()
    for each in (old, gone):
        each.write_bytes(path.read_bytes())
    result = project.run(one())
    result.stdout.fnmatch_lines(
        [
            "*rpcfake: 2 unused cassettes*",
            "cassettes/test_gone/test_x.jsonl",
            "cassettes/test_it/test_old.jsonl",
            "Remove them with: pytest --rpcfake-prune",
        ]
    )
    assert old.exists()
    project.run(one(), "--rpcfake-prune").stdout.fnmatch_lines(["*2 unused cassettes removed*"])
    assert not old.exists()
    assert not gone.parent.exists()
    assert path.exists()
    assert "unused cassette" not in project.run(one()).stdout.str()


@pytest.mark.parametrize("arguments", [["-k", "nothing"], ["--deselect", "test_it.py::test_buy"]])
def test_a_cassette_of_a_test_that_is_left_out_is_in_use(
    project: Project, arguments: list[str]
) -> None:
    path = recorded(project)
    result = project.run(one(), "--rpcfake-prune", *arguments)
    assert "unused cassette" not in result.stdout.str()
    assert path.exists()


IN_PART = {
    "one test is named": ["test_it.py::test_buy"],
    "as a package": ["--pyargs", "test_it::test_buy"],
    "what failed last": ["--lf"],
}


@pytest.mark.parametrize("arguments", IN_PART.values(), ids=IN_PART)
def test_of_a_run_in_part_none_is_told(project: Project, arguments: list[str]) -> None:
    recorded(project).rename(project.pytester.path / FILE.with_name("test_old.jsonl"))
    project.pytester.makepyprojecttoml("")
    project.run(one(), "-p", "cacheprovider").assert_outcomes(failed=1)  # for --lf
    result = project.run(one(), "--rpcfake-record=once", "--rpcfake-prune", *arguments)
    result.assert_outcomes(passed=1)
    assert "unused cassette" not in result.stdout.str()


def test_where_something_could_not_be_collected_none_is_told(project: Project) -> None:
    recorded(project).rename(project.pytester.path / FILE.with_name("test_old.jsonl"))
    source = (
        one()
        + """
class TestMore:
    @pytest.mark.parametrize("nope", [1])
    def test_more(self): pass
"""
    )
    result = project.run(source, "--rpcfake-prune", "--continue-on-collection-errors")
    assert "unused cassette" not in result.stdout.str()


def test_what_rpc_cassette_did_not_write_is_never_told(project: Project) -> None:
    path = recorded(project)
    for name in ("monday.jsonl", "test_it/extra.jsonl"):
        file = path.parents[1] / "production" / name
        file = path.parents[1] / name if "/" in name else file
        file.parent.mkdir(exist_ok=True)
        Traffic.load(path).save(file)
        text = file.read_text().replace(', "fixture": "rpc_cassette"', "")
        file.write_text(text)
    result = project.run(one(), "--rpcfake-prune")
    assert "unused cassette" not in result.stdout.str()


def test_a_fixture_asked_for_late_uses_its_cassette(project: Project) -> None:
    source = one().replace(
        "def test_buy(rpc_bus, rpc_cassette):",
        """def test_buy(rpc_bus, request):
    rpc_cassette = request.getfixturevalue("rpc_cassette")""",
    )
    path = recorded(project, source)
    result = project.run(source, "--rpcfake-prune")
    assert "unused cassette" not in result.stdout.str()
    assert path.exists()


def test_the_cassettes_of_other_backends_are_in_use(project: Project) -> None:
    source = """
    import rpcfake

    def test_buy(rpc_backend, rpc_bus, rpc_cassette):
        rpc_bus.traffic
        assert rpc_bus.traffic == rpc_cassette
    """
    project.run(source, "--rpcfake-record=once").assert_outcomes(passed=1)
    result = project.run(source, "--rpcfake-backend=memory-threads", "--rpcfake-prune")
    assert "unused cassette" not in result.stdout.str()


def test_ci_never_removes(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    path = recorded(project)
    old = path.with_name("test_old.jsonl")
    old.write_bytes(path.read_bytes())
    monkeypatch.setenv("CI", "true")
    project.run(one(), "--rpcfake-prune").stdout.fnmatch_lines(["*1 unused cassette*"])
    assert old.exists()


def test_workers_of_xdist_record_compare_and_tell(project: Project) -> None:
    pytest.importorskip("xdist")
    source = """
    import pytest, shop

    @pytest.mark.parametrize("n", range(8))
    def test_buy(rpc_bus, rpc_cassette, n):
        rpc_bus.stub("shop", "price").returns(n)
        shop.call(item=f"tea {n}")
        assert rpc_bus.traffic == rpc_cassette
    """
    project.run_apart(source, "-n2", "--rpcfake-record=once").assert_outcomes(passed=8)
    folder = project.pytester.path / FILE.parent
    assert len([*folder.iterdir()]) == 8
    shutil.copy(next(folder.iterdir()), folder / "test_old.jsonl")
    result = project.run_apart(source, "-n2", "--rpcfake-prune")
    result.assert_outcomes(passed=8)
    result.stdout.fnmatch_lines(["*rpcfake: 1 unused cassette removed*"])
    assert len([*folder.iterdir()]) == 8


# With syrupy


def test_syrupy_keeps_cassettes(project: Project) -> None:
    pytest.importorskip("syrupy")
    source = """
    import pytest, shop
    from pytest_rpcfake.snapshots import TrafficSnapshot

    @pytest.fixture
    def traffic_snapshot(snapshot):
        return snapshot.use_extension(TrafficSnapshot)

    def test_buy(rpc_bus, traffic_snapshot):
        rpc_bus.stub("shop", "price").returns({"token": "abcdefgh"})
        shop.call(item=ITEM)
        assert rpc_bus.traffic == traffic_snapshot
    """
    source = source.replace("ITEM", '"tea"')
    project.run_apart(source).assert_outcomes(failed=1)
    project.run_apart(source, "--snapshot-update").assert_outcomes(passed=1)
    project.run_apart(source).assert_outcomes(passed=1)
    (path,) = project.pytester.path.rglob("*.jsonl")
    assert b"abcdefgh" not in path.read_bytes()
    assert [each.value for each in Traffic.load(path).replies()] == [{"token": "[redacted #1]"}]
    result = project.run_apart(source.replace('"tea"', '"milk"'))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*milk*"])
    result = project.run_apart(source.replace("rpc_bus.traffic ==", "3 =="))
    result.stdout.fnmatch_lines(["*TypeError: 3 is no Traffic*"])


def test_under_ci_it_says_why_nothing_is_written(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    *_, command = failure(project, one(), "--rpcfake-record=once")
    assert command.endswith("(where the environment has no CI: while it has, nothing is written)")


def test_a_cassette_with_what_is_secret_by_now_is_told_and_recorded_anew(
    project: Project,
) -> None:
    path = recorded(project)
    project.ini("rpcfake_redact = item")
    assert failure(project, one()) == [
        "It was recorded before rpcfake_redact had all its keys, and has values of them.",
        "To record it without: pytest test_it.py::test_buy --rpcfake-record=all",
    ]
    project.run(one(), "--rpcfake-record=all").assert_outcomes(passed=1)
    assert b"milk" not in path.read_bytes()
    project.run(one()).assert_outcomes(passed=1)
    project.ini("rpcfake_redact = item other")  # of which it has none
    project.run(one()).assert_outcomes(passed=1)
