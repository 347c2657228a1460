"""A deterministic in-memory message bus, and a harness, for testing code that talks RPC.

The five functions of bus RPC (`call`, `multicall`, `cast`, `fanout_cast`, `create_connection`) go
to the backend that `use_backend` chose; `Bus` and `ThreadedBus` are buses for tests."""

from rpcfake.bus import Problem
from rpcfake.codec import Codec
from rpcfake.context import Context
from rpcfake.errors import (
    BackendUnavailable,
    CassetteError,
    ConnectionClosed,
    InvalidMessage,
    Livelock,
    NotRecorded,
    RealTimeWarning,
    RemoteError,
    RpcError,
    SerializationError,
    Stalled,
    Timeout,
    WrongThread,
)
from rpcfake.message import Failure, Kind
from rpcfake.recorder import Recorder
from rpcfake.replay import Replay
from rpcfake.rpc import call, cast, create_connection, fanout_cast, multicall, use_backend
from rpcfake.sim import Bus, Task
from rpcfake.stubs import Stub
from rpcfake.threads import ThreadedBus
from rpcfake.traffic import Record, Redaction, Traffic

__version__ = "0.1.0"

__all__ = [
    "BackendUnavailable",
    "Bus",
    "CassetteError",
    "Codec",
    "ConnectionClosed",
    "Context",
    "Failure",
    "InvalidMessage",
    "Kind",
    "Livelock",
    "NotRecorded",
    "Problem",
    "RealTimeWarning",
    "Record",
    "Recorder",
    "Redaction",
    "RemoteError",
    "Replay",
    "RpcError",
    "SerializationError",
    "Stalled",
    "Stub",
    "Task",
    "ThreadedBus",
    "Timeout",
    "Traffic",
    "WrongThread",
    "call",
    "cast",
    "create_connection",
    "fanout_cast",
    "multicall",
    "use_backend",
]
