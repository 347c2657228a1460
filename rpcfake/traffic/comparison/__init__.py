"""Comparing two traffics."""

from rpcfake.traffic.comparison.compare import compare
from rpcfake.traffic.comparison.outcome import Comparison, Difference
from rpcfake.traffic.comparison.rules import ORDERS, Comparing, Order

__all__ = ["ORDERS", "Comparing", "Comparison", "Difference", "Order", "compare"]
