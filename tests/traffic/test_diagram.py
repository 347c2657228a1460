"""The diagram shows every event once, whatever the texts in it, and is a pleasure to read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpcfake.message import Kind
from rpcfake.traffic.story import find_lines

from .rows import Script, any_text, scripts

wild_scripts = scripts(topics=any_text, methods=any_text, keys=any_text, values=any_text)


@pytest.fixture
def cloud() -> Script:
    """A server is built: nested calls, fanouts, progress, a failure, and a caller who gave up."""
    script = Script()
    for host in ("host1", "host2"):
        report = script.send("fanout_cast", "scheduler", "update_host", {"host": host})
        script.taken(report, "scheduler#1")
        script.taken(report, "scheduler#2")
    args = {"name": "web", "memory": 512}
    run = script.taken(script.send("call", "scheduler", "run_server", args), "scheduler#3")
    cast = script.send("cast", "compute.host1", "build", {"name": "web"}, by=run)
    script.reply(run, "host1")
    script.ending(run)
    build = script.taken(cast, "compute.host1#1")
    fetch = script.send("multicall", "image", "fetch", {"name": "debian"}, by=build)
    fetch = script.taken(fetch, "image#1")
    for percent in (50, 100):
        script.now += 500_000
        script.reply(fetch, {"percent": percent})
    script.ending(fetch)
    script.dropped(script.send("cast", "audit", "note", {}, by=build))
    report = script.send("fanout_cast", "scheduler", "update_host", {"free": 3584}, by=build)
    script.taken(report, "scheduler#1")
    script.taken(report, "scheduler#2")
    show = script.taken(script.send("call", "scheduler", "show", {"name": "db"}), "scheduler#3")
    script.failure(show, "NotFound", "no server 'db'")
    stop = script.send("call", "compute.host1", "stop", {"name": "web"})
    stopping = script.taken(stop, "compute.host1#1")
    script.now += 60_000_000
    script.timeout(stop)
    script.now += 250_000
    script.dropped_reply(stopping, "stopped")
    return script


def test_what_is_taken_again_is_told() -> None:
    script = Script()
    call = script.send("call", "shop", "buy", {"item": "tea"})
    script.taken(call, "shop#1")
    script.now += 2_000_000
    again = script.taken(call, "shop#1")
    script.reply(again, 3)
    script.ending(again)
    expected = """\
    seconds  test    shop#1
#0    0.000  ├──────▶│   call buy(item='tea')
#2    2.000  │       ●   takes again buy(item='tea')
#3    2.000  │◀┄┄┄┄┄┄┤   reply to buy: 3"""
    assert script.traffic.diagram() == expected


def test_a_whole_story(cloud: Script) -> None:
    expected = """\
              test
              │       scheduler#1
              │       │       scheduler#2
              │       │       │       scheduler#3
              │       │       │       │       compute.host1#1
     seconds  │       │       │       │       │       image#1
 #0    0.000  ├──────▶┼──────▶│       │       │       │   fanout_cast update_host(host='host1')
 #3    0.000  ├──────▶┼──────▶│       │       │       │   fanout_cast update_host(host='host2')
 #6    0.000  ├───────┼───────┼──────▶│       │       │   call run_server(name='web', memory=512)
 #8    0.000  │       │       │       ├──────▷│       │   cast build(name='web')
 #9    0.000  │◀┄┄┄┄┄┄│┄┄┄┄┄┄┄│┄┄┄┄┄┄┄┤       │       │   reply to run_server: 'host1'
#11    0.000  │       │       │       │       ●       │   takes build(name='web')
#12    0.000  │       │       │       │       ├──────▶│   multicall fetch(name='debian')
#14    0.500  │       │       │       │       │◀┄┄┄┄┄┄┤   reply to fetch: {'percent': 50}
#15    1.000  │       │       │       │       │◀┄┄┄┄┄┄┤   reply to fetch: {'percent': 100}
#16    1.000  │       │       │       │       │◀┄┄┄┄┄┄┤   end of fetch
#17    1.000  │       │       │       │       ├─✗     │   cast audit.note() (nothing serves it)
#19    1.000  │       │◀──────┼◀──────┼───────┤       │   fanout_cast update_host(free=3584)
#22    1.000  ├───────┼───────┼──────▶│       │       │   call show(name='db')
#24    1.000  │◀┄┄┄┄┄┄│┄┄┄┄┄┄┄│┄┄┄┄┄┄┄✗       │       │   failure in show: NotFound: no server 'db'
#25    1.000  ├───────┼───────┼───────┼──────▶│       │   call stop(name='web')
#27   61.000  ✗       │       │       │       │       │   timeout of stop after 60 s
#28   61.250  │       │       │       │       ├┄✗     │   reply to stop is dropped: 'stopped'
              ▷ waits to be taken, at ●
              nothing serves it: neither a stub nor a consumer without fanout=True"""
    assert cloud.traffic.diagram() == expected


def test_in_ascii(cloud: Script) -> None:
    expected = """\
              compute.host1#1
              |       image#1
              |       |       scheduler#1
              |       |       |       scheduler#2
              |       |       |       |       test
     seconds  |       |       |       |       |       scheduler#3
#12    0.000  +------>|       |       |       |       |   multicall fetch(name='debian')
#14    0.500  |<......+       |       |       |       |   reply to fetch: {'percent': 50}
#15    1.000  |<......+       |       |       |       |   reply to fetch: {'percent': 100}
#16    1.000  |<......+       |       |       |       |   end of fetch
#17    1.000  +-x     |       |       |       |       |   cast audit.note() (nothing serves it)
#19    1.000  +-------+------>+------>|       |       |   fanout_cast update_host(free=3584)
#22    1.000  |       |       |       |       +------>|   call show(name='db')
              nothing serves it: neither a stub nor a consumer without fanout=True"""
    assert cloud.traffic[12:23].diagram(ascii=True) == expected


def test_side_by_side() -> None:
    script = Script()
    first = script.send("call", "shop", "get", {"n": 1})
    second = script.send("call", "shop", "get", {"n": 2})
    one, two = script.taken(first, "shop#1"), script.taken(second, "stub:shop#1")
    script.reply(two, "b")
    script.ending(two)
    inner = script.send("call", "shop", "check", {}, by=one)
    check = script.taken(inner, "shop#1")
    script.ending(check)
    script.reply(one, "a")
    script.ending(one)
    script.now = 250_000
    script.abandoned(script.send("multicall", "shop", "list"))
    script.purged(script.send("cast", "shop", "late"))
    script.failure(script.taken(script.send("cast", "shop", "fail"), "shop#1"), "KeyError", "'x'")
    expected = """\
     seconds  test    shop#1  stub:shop#1
 #0    0.000  ├──────▷│       │   call get(n=1)
 #1    0.000  ├───────┼──────▷│   call get(n=2)
 #2    0.000  │       ●       │   takes #0 get(n=1)
 #3    0.000  │       │       ●   takes #1 get(n=2)
 #4    0.000  │◀┄┄┄┄┄┄│┄┄┄┄┄┄┄┤   reply to #1 get: 'b'
 #6    0.000  │       ↺       │   call check()
 #8    0.000  │       ↺       │   end of check, without a value
 #9    0.000  │◀┄┄┄┄┄┄┤       │   reply to #0 get: 'a'
#11    0.250  ├─○     │       │   multicall shop.list() (not taken)
#12    0.250  ✗       │       │   abandons list
#13    0.250  ├─○     │       │   cast shop.late() (not taken)
#14    0.250  ✗       │       │   late is purged from its queue
#15    0.250  ├──────▶│       │   cast fail()
#17    0.250  │       ✗       │   failure in fail: KeyError: 'x'
              ▷ waits to be taken, at ●"""
    assert script.traffic.diagram() == expected


@settings(deadline=None)  # long texts on a busy machine
@given(wild_scripts, st.booleans(), st.none() | st.integers(1, 3), st.integers(60, 200))
def test_no_text_breaks_a_diagram(
    script: Script, ascii: bool, limit: int | None, width: int
) -> None:
    for traffic in (script.traffic, script.traffic.sent, script.traffic.replies()):
        text = traffic.diagram(limit, ascii=ascii, width=width)
        assert text.isascii() or not ascii
        for line in text.split("\n"):
            assert line.isprintable()
            assert len(line) <= width + 80


@given(scripts(max_size=40))
def test_every_row_has_a_line_or_is_told_by_the_line_before(script: Script) -> None:
    traffic = script.traffic
    lines = find_lines(traffic._log, traffic._seqs)
    assert lines == sorted(set(lines))
    for record in traffic:
        if record.seq in lines:
            continue
        assert record.cause is not None
        if record.kind == "ending":
            replies = [reply for reply in traffic.replies() if reply.cause == record.cause]
            assert any(reply.seq < record.seq for reply in replies)
            assert traffic[record.id].kind == "call"
        else:
            assert record.kind in ("taken", "dropped")
            assert record.cause == record.id
            between = traffic[record.id + 1 : record.seq]
            assert all(each.cause == record.id for each in between)


@given(scripts(), st.sets(st.sampled_from(list(Kind)), min_size=1))
def test_a_part_of_the_traffic_shows_its_own_events(script: Script, kinds: set[Kind]) -> None:
    traffic = script.traffic.select(kinds)
    assert traffic[::-1].diagram() == traffic.diagram()
    for kind in kinds:
        alone = traffic.select([kind])
        assert find_lines(alone._log, alone._seqs) == [record.seq for record in alone]


@given(scripts(), st.integers(1, 5))
def test_the_limit_leaves_out_the_middle(script: Script, limit: int) -> None:
    count = len(find_lines(script.traffic._log, script.traffic._seqs))
    text = script.traffic.diagram(limit).splitlines()
    times = [line for line in text if line.lstrip().startswith("#")]
    assert len(times) == min(count, 2 * limit)
    left_out = [line for line in text if line.startswith("… ")]
    if count > 2 * limit:
        lines = "line" if count - 2 * limit == 1 else "lines"
        assert left_out == [f"… {count - 2 * limit} {lines} left out …"]
        middle = text.index(left_out[0])
        assert sum(line in times for line in text[:middle]) == limit
    else:
        assert left_out == []
        assert text == script.traffic.diagram().splitlines()


def test_the_lanes_of_a_limited_diagram_are_those_it_shows() -> None:
    script = Script()
    for n in range(100):
        script.call(f"topic{n}", "get")
    assert script.traffic.diagram(1) == (
        "      seconds  test    topic0#1  topic99#1\n"
        "  #0    0.000  ├──────▶│         │   call get()\n"
        "… 198 lines left out …\n"
        "      seconds  test    topic0#1  topic99#1\n"
        "#398    0.000  │◀┄┄┄┄┄┄│┄┄┄┄┄┄┄┄┄┤   reply to get: None"
    )


@pytest.mark.parametrize("lanes", [1, 2, 5, 11, 15, 19, 40, 300])
@pytest.mark.parametrize("name", ["a", "compute.host-{}.example.org", "x" * 190 + "{}"])
def test_it_stays_readable_with_many_lanes_and_long_names(lanes: int, name: str) -> None:
    script = Script()
    ping = script.send("fanout_cast", "hosts", "ping", {"deep": True})
    for n in range(lanes):
        script.taken(ping, f"{name.format(n)}#{n}")
    taken = script.taken(script.send("call", "hosts", "report"), f"{name.format(0)}#0")
    script.reply(taken, None)
    lines = script.traffic.diagram().splitlines()
    events = [line for line in lines if "  0.000  " in line]
    assert events[0].endswith("  fanout_cast ping(deep=True)")
    assert events[1].endswith("  call report()")
    assert events[2].endswith("  reply to report: None")
    assert max(map(len, events)) <= 160
    if lanes <= 12:
        assert max(map(len, events)) <= 110
        assert "▶" in events[1]
        assert "◀" in events[2]


def test_long_and_strange_payloads() -> None:
    script = Script()
    args = {"text": "\x1b[31m\n\u202e\ud800" * 2**18, "店": "舗"}
    taken = script.taken(script.send("call", "a\nb", "\x00", args), "a\nb#1")
    script.failure(taken, "E", "x\ny" * 2**18)
    lines = script.traffic.diagram().splitlines()
    assert len(lines) == 3
    assert all(len(line) <= 110 and line.isprintable() for line in lines)
    assert lines[0].endswith("a\\nb#1")


def test_real_threads_take_a_little_while() -> None:
    script = Script()
    send = script.send("call", "shop", "buy")
    script.now = 312
    taken = script.taken(send, "shop#1")
    script.now = 977
    script.reply(taken, None)
    assert script.traffic.diagram() == (
        "     seconds  test    shop#1\n"
        "#0  0.000000  ├──────▶│   call buy()\n"
        "#2  0.000977  │◀┄┄┄┄┄┄┤   reply to buy: None"
    )


@given(scripts(max_size=40), st.booleans())
def test_the_number_of_a_line_is_that_of_its_record(script: Script, some: bool) -> None:
    traffic = script.traffic[3:] if some else script.traffic
    lines = [line.split() for line in traffic.diagram().splitlines()]
    shown = [int(words[0][1:]) for words in lines if words and words[0][:1] == "#"]
    assert shown == find_lines(traffic._log, traffic._seqs)


def test_who_could_have_taken_what_nobody_took() -> None:
    script = Script()
    script.send("fanout_cast", "shop", "open")
    script.dropped(script.send("call", "mail", "send"))
    script.send("cast", "bank", "pay")
    assert script.traffic.diagram() == (
        "    seconds  test\n"
        "#0    0.000  ├─○ fanout_cast shop.open() (nobody took it)\n"
        "#1    0.000  ├─✗ call mail.send() (nothing serves it)\n"
        "#3    0.000  ├─○ cast bank.pay() (not taken)\n"
        "             nobody took it: a fanout_cast needs create_consumer(..., fanout=True)\n"
        "             nothing serves it: neither a stub nor a consumer without fanout=True"
    )
    waits_only = script.traffic[3:].diagram()
    assert "fanout" not in waits_only


def test_nothing() -> None:
    assert Script().traffic.diagram() == "(no traffic)"
