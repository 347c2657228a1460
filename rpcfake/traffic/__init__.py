"""What was sent and what became of it: records, filters, assertions and diagrams."""

from rpcfake.traffic.cassette import Redaction
from rpcfake.traffic.comparison import Comparing, Comparison
from rpcfake.traffic.expect import Expectations
from rpcfake.traffic.record import Record
from rpcfake.traffic.traffic import Traffic

__all__ = ["Comparing", "Comparison", "Expectations", "Record", "Redaction", "Traffic"]
