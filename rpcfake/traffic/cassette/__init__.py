"""Cassettes: traffic in a file, one JSON object a line, fit for git."""

from rpcfake.traffic.cassette.layout import VERSION, Header
from rpcfake.traffic.cassette.reader import read_entries, read_header
from rpcfake.traffic.cassette.redaction import Redaction
from rpcfake.traffic.cassette.writer import CassetteWriter

__all__ = [
    "VERSION",
    "CassetteWriter",
    "Header",
    "Redaction",
    "read_entries",
    "read_header",
]
