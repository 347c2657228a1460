"""The example project on a real RabbitMQ: recorded, and replayed with equal replies."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from rpcfake import Bus, RemoteError, Traffic

from .brokers import PATIENCE, Broker, eventually
from .taps import exchanges, recording, tracing

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "compute"

CLOUD = """
import json
import sys

import rpcfake
from compute import rpc
from compute.cloud import Cloud
from compute.context import RequestContext
from compute.flags import FLAGS

FLAGS.build_time, FLAGS.image_speed = 0.05, 10_000.0
FLAGS.call_timeout = FLAGS.image_timeout = 60.0  # a busy machine is not a silent host
asked = []  # what the users asked, and what they were answered


def ask(kind, topic, method, **args):
    msg = {"method": method, "args": args}
    try:
        value = getattr(rpc, kind)(ada, topic, msg)
        answer = ["value", [each for _, each in value] if kind == "multicall" else value]
    except rpc.RemoteError as error:
        answer = ["failure", error.exc_type, error.value]
    asked.append([kind, topic, msg, answer])
    return answer[1]


def wait_for(name, *statuses):
    while (news := ask("call", "scheduler", "show_server", name=name)) not in statuses:
        if isinstance(news, dict) and news["status"] in statuses:
            return


with rpcfake.use_backend("kombu", url=sys.argv[1], prefix=sys.argv[2]) as backend:
    ada = RequestContext("ada", "engines", "req-1")
    cloud = Cloud(hosts={"alpha": 4096, "beta": 8192}, images={"debian": 1024})
    while len(cloud.scheduler.hosts) < 2:  # both have reported
        ask("call", "scheduler", "show_server", name="nobody")
    asked.clear()
    print("serving", flush=True)
    input()  # until somebody listens
    cloud.api.boot(ada, "web", memory=2048, image="debian")
    wait_for("web", "ACTIVE")
    ask("call", "scheduler", "select_host", memory=1000)
    cloud.api.boot(ada, "vast", memory=100_000, image="debian")
    wait_for("vast", "ERROR")
    ask("call", "scheduler", "select_host", memory=100_000)
    ask("call", "scheduler", "show_server", name="nobody")
    ask("multicall", "image", "transfer", image="debian")
    ask("multicall", "image", "transfer", image="none")
    ask("call", "compute.beta", "delete_server", name="nobody")
    ask("call", "compute.beta", "delete_server", name="web")
    wait_for("web", "ServerNotFound")
    ask("call", "compute.beta", "get_capacity")
    print(json.dumps(asked), flush=True)
    input()  # until all of it was seen
    for service in cloud.services.values():
        service.stop()
    for service in cloud.services.values():
        for topic in (service.topic, f"{service.topic}.{service.host}"):
            backend.harness.forget(topic)
"""

SERVICES = """
from compute.image import ImageManager
from compute.manager import ComputeManager

beta = ComputeManager("beta", 8192)
images = ImageManager({"debian": 1024})
"""


@pytest.fixture
def cloud(rabbit: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example project in a process of its own, over the backend ``kombu``."""
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLE))
    (tmp_path / "cloud.py").write_text(CLOUD, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "cloud.py"), rabbit.url, rabbit.prefix],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        yield process
        process.communicate("\n", timeout=PATIENCE)
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("traced", [False, True], ids=["exchanges", "traced"])
def test_a_cloud_is_recorded_and_replayed(
    traced: bool,
    rabbit: Broker,
    cloud: Any,
    tmp_path: Path,
) -> None:
    path = tmp_path / "cloud.jsonl"
    options = ["--trace" if traced else "--no-trace", *exchanges(rabbit)]
    assert cloud.stdout.readline() == "serving\n"
    with tracing() if traced else nullcontext(), recording(rabbit, path, *options):
        cloud.stdin.write("\n")
        cloud.stdin.flush()
        asked = json.loads(cloud.stdout.readline())
        # The line of its end is there as soon as it was seen.
        last = b'{"kind": "ending", "id": "compute.beta.get_capacity#'
        asking = 4 + 1  # the scheduler, for two servers and two questions; and who asked last
        assert eventually(lambda: path.read_bytes().count(last) == asking)
    failures = {answer[1] for _, _, _, answer in asked if answer[0] == "failure"}
    assert failures == {"ServerNotFound", "ImageNotFound", "NoValidHost"}

    traffic = Traffic.load(path)
    kinds = {str(each.kind) for each in traffic.sent}
    assert kinds == {"call", "cast", "fanout_cast", "multicall"}

    # As a server: everybody who asks the same is answered the same.
    bus = Bus()
    bus.replay(path, gaps=False)
    for kind, topic, msg, answer in asked:
        assert ask(bus, kind, topic, msg) == answer, (topic, msg)

    # As a client: what a service was asked is asked anew of its code.
    (tmp_path / "services.py").write_text(SERVICES, encoding="utf-8")
    for topic, name in (("compute.beta", "beta"), ("image", "images")):
        sent = len(traffic.where(lambda each, topic=topic: each.topic == topic).sent)
        assert sent >= 3
        done = replay_against(f"services:{name}", topic, path)
        assert done.stdout == f"{sent} requests to '{topic}': {sent} answered as recorded\n"
        assert (done.returncode, done.stderr) == (0, "")


def replay_against(spec: str, topic: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rpcfake.cli", "replay", path, "--against", spec, "--topic", topic],
        cwd=path.parent,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )


def ask(bus: Bus, kind: str, topic: str, msg: dict[str, Any]) -> list[Any]:
    """What is answered, as the cloud's users note it."""
    context = {"user": "ada", "project": "engines", "request_id": "req-1", "is_admin": False}
    try:
        if kind == "multicall":
            return ["value", list(bus.multicall(context, topic, msg))]
        return ["value", bus.call(context, topic, msg)]
    except RemoteError as error:
        return ["failure", error.exc_type, error.value]
