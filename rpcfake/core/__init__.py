"""The broker as a state machine: routing, queues, pending calls.

It knows no time, no threads, no chance and no I/O. A loop (`rpcfake.sim`, `rpcfake.threads`) drives
it, tells it what time it is, and is told which queues can be served and which callers have an
answer."""

from rpcfake.core.broker import Broker
from rpcfake.core.envelope import HEARTBEAT, Envelope
from rpcfake.core.queue import Consumer, Queue, Topic

__all__ = ["HEARTBEAT", "Broker", "Consumer", "Envelope", "Queue", "Topic"]
