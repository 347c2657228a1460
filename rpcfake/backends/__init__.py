"""Backends: each carries the five functions over one bus."""
