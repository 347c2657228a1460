"""Traffic as snapshots of syrupy."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from rpcfake import Traffic
from rpcfake.hints import brief


class TrafficSnapshot(SingleFileSnapshotExtension):  # type: ignore[misc]  # it has no types here
    """Keeps traffic as cassettes: ``snapshot.use_extension(TrafficSnapshot)``.

    Secrets are taken out by the default rules, and times are kept where they are virtual. Nothing
    but traffic can be compared with it.
    """

    _write_mode = WriteMode.TEXT
    file_extension = "jsonl"

    def serialize(self, data: Any, **_: Any) -> str:
        """The cassette, as text."""
        if not isinstance(data, Traffic):
            raise TypeError(f"{brief(data)} is no Traffic: TrafficSnapshot keeps nothing else")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "snapshot"
            data.save(path, times=data._log.origin.clock == "virtual")
            return path.read_text(encoding="utf-8")
