"""Cassettes: traffic in a file, one JSON object a line, fit for git."""

from rpcfake.traffic.cassette.layout import VERSION, Header, failure
from rpcfake.traffic.cassette.names import Names
from rpcfake.traffic.cassette.reader import read_entries, read_header
from rpcfake.traffic.cassette.redaction import Redaction
from rpcfake.traffic.cassette.writer import CassetteWriter

__all__ = [
    "VERSION",
    "CassetteWriter",
    "Header",
    "Names",
    "Redaction",
    "failure",
    "read_entries",
    "read_header",
]
