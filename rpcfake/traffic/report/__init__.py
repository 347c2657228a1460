"""Traffic as a page: one file that needs no network, with a sequence diagram to walk through."""

from rpcfake.traffic.report.page import Entry, write_report
from rpcfake.traffic.report.sheet import Sheet, learn

__all__ = ["Entry", "Sheet", "learn", "write_report"]
