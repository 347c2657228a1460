"""Traffic over a real broker, recorded and answered from the cassette again."""

from __future__ import annotations

from pathlib import Path

import pytest

from rpcfake import Bus, Recorder, RemoteError

from .brokers import Broker, Service, eventually, message


def test_what_was_recorded_on_a_broker_is_replayed_on_the_bus(
    broker: Broker, service: Service, tmp_path: Path
) -> None:
    recorder = Recorder(broker.backend())
    broker.serve(recorder, "shop", service)
    broker.serve(recorder, "shop", service, fanout=True)

    def ask(backend: Bus | Recorder) -> list[object]:
        given: list[object] = [backend.call(None, "shop", message("echo", value=[1, "tea"]), 5)]
        given += backend.multicall(None, "shop", message("counts", to=3), 5)
        with pytest.raises(RemoteError) as caught:
            backend.call(None, "shop", message("nothing"), 5)
        backend.fanout_cast(None, "shop", message("echo", value=2))
        return [*given, caught.value.exc_type]

    asked = ask(recorder)
    assert eventually(lambda: len(recorder.traffic.taken("shop", "echo")) == 2)
    recorder.traffic.save(tmp_path / "one.jsonl")
    bus = Bus()
    replay = bus.replay(tmp_path / "one.jsonl", order="strict")
    assert ask(bus) == asked
    assert len(replay.unused) == 0
