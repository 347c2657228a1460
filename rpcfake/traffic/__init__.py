"""What was sent and what became of it: records, filters, assertions and diagrams."""

from rpcfake.traffic.expect import Expectations
from rpcfake.traffic.record import Record
from rpcfake.traffic.traffic import Traffic

__all__ = ["Expectations", "Record", "Traffic"]
