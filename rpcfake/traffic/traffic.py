"""Traffic: a snapshot of what the recorder kept, with filters that return Traffic again."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, overload

from rpcfake.hints import brief
from rpcfake.message import SENDS, Kind
from rpcfake.traffic.cassette.loading import load_rows, open_line
from rpcfake.traffic.cassette.redaction import Redaction
from rpcfake.traffic.cassette.writer import save_traffic
from rpcfake.traffic.comparison import Comparing, Comparison, Order, compare
from rpcfake.traffic.comparison.equality import equal
from rpcfake.traffic.diagram import draw
from rpcfake.traffic.listing import listing
from rpcfake.traffic.log import CAUSE, KIND, METHOD, TIME, TOPIC, Log, Origin, Row
from rpcfake.traffic.record import Record
from rpcfake.traffic.text import plural

SHOWN = 20
"""How many records ``str(traffic)`` shows from the beginning, and again from the end."""


class Traffic(Sequence[Record]):
    """An immutable sequence of Records, in the order in which things happened.

    It is a snapshot: what the bus records later is not in it. Records are built when they are asked
    for, so a Traffic costs next to nothing however long it is. Every filter returns a Traffic; the
    optional ``topic`` and ``method`` compare exactly. A filtered Traffic still knows the whole
    snapshot, so a reply's record names the topic even where what was sent is filtered out.

    Args:
        rows: the recorder's list, which only ever grows.
        decode: turns the text of a payload back into the value (a codec's ``decode``).
        stop: how many rows belong to the snapshot; None is all there are by now.
        origin: where the rows come from; a cassette tells it.
    """

    __slots__ = ("_log", "_seqs")

    _log: Log
    _seqs: Sequence[int]

    def __init__(
        self,
        rows: Sequence[Row],
        decode: Callable[[str], Any],
        stop: int | None = None,
        origin: Origin = Origin(),  # noqa: B008 - it is immutable
    ) -> None:
        self._log = Log(rows, decode, stop, origin)
        self._seqs = range(self._log.stop)

    def _narrow(self, seqs: Sequence[int]) -> Traffic:
        narrowed = object.__new__(Traffic)
        narrowed._log = self._log
        narrowed._seqs = seqs
        return narrowed

    def _made_by(self, **more: str) -> Traffic:
        """The same, with more to be told of what recorded it."""
        log = self._log
        made_by = {**log.origin.made_by, **more}
        told = self._narrow(self._seqs)
        told._log = Log(log.rows, log.decode, log.stop, log.origin._replace(made_by=made_by))
        return told

    def __len__(self) -> int:
        return len(self._seqs)

    def __iter__(self) -> Iterator[Record]:
        return map(self._log.build, self._seqs)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Traffic: ...
    def __getitem__(self, index: int | slice) -> Record | Traffic:
        if isinstance(index, slice):
            return self._narrow(self._seqs[index])
        try:
            seq = self._seqs[index]
        except IndexError:
            raise IndexError(f"index is {index}: there are {plural(len(self), 'record')}") from None
        return self._log.build(seq)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Traffic):
            if len(self) != len(other) or list(self._seqs) != list(other._seqs):
                return False
            same = self._log.rows is other._log.rows
            return same or equal(self._log, other._log, self._seqs)
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(
            mine == its for mine, its in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        kinds = Counter(self._log.rows[seq][KIND] for seq in self._seqs)
        counts = ", ".join(f"{kinds[kind]:,} {kind}" for kind in Kind if kinds[kind])
        return f"<Traffic of {plural(len(self), 'record')}{': ' * bool(counts)}{counts}>"

    def __str__(self) -> str:
        return "\n".join(listing(self._log, self._seqs, SHOWN)) or "(no traffic)"

    def select(
        self, kinds: Collection[str], topic: str | None = None, method: str | None = None
    ) -> Traffic:
        """The records of these kinds; each of the filters below is one case of it.

        Raises:
            TypeError, ValueError: kinds are no kinds, or topic or method is neither a str nor None.
        """
        wanted = _read_kinds(kinds)
        for name, value in (("topic", topic), ("method", method)):
            if value is not None and not isinstance(value, str):
                raise TypeError(f"{name} is {brief(value)}: it must be a str, or None for any")
        # Rows are looked at, and never built: there may be millions.
        rows = self._log.rows
        seqs = [seq for seq in self._seqs if rows[seq][KIND] in wanted]
        if topic is not None or method is not None:
            find = self._log.find_send
            sends = ((seq, rows[find(seq)]) for seq in seqs)
            seqs = [
                seq
                for seq, send in sends
                if (topic is None or send[TOPIC] == topic)
                and (method is None or send[METHOD] == method)
            ]
        return self._narrow(_pack(seqs))

    @property
    def sent(self) -> Traffic:
        """What was sent, in order: casts, calls, multicalls, fanout casts and notifications."""
        return self.select(SENDS)

    def _topics(self) -> list[str]:
        """The topics that something was sent to, sorted."""
        rows = self._log.rows
        return sorted({rows[seq][TOPIC] for seq in self.sent._seqs})

    def casts(self, topic: str | None = None, method: str | None = None) -> Traffic:
        """The casts that were sent."""
        return self.select((Kind.CAST,), topic, method)

    def calls(self, topic: str | None = None, method: str | None = None) -> Traffic:
        """The calls that were sent."""
        return self.select((Kind.CALL,), topic, method)

    def multicalls(self, topic: str | None = None, method: str | None = None) -> Traffic:
        """The multicalls that were sent."""
        return self.select((Kind.MULTICALL,), topic, method)

    def fanout_casts(self, topic: str | None = None, method: str | None = None) -> Traffic:
        """The fanout casts that were sent; one record each, however many consumers there are."""
        return self.select((Kind.FANOUT_CAST,), topic, method)

    def notifications(self, topic: str | None = None, method: str | None = None) -> Traffic:
        """The notifications that were sent (with oslo.messaging); the method is the event type, the
        args are ``{"payload": …}``, and the topic ends with the priority."""
        return self.select((Kind.NOTIFICATION,), topic, method)

    def taken(self, topic: str | None = None, method: str | None = None) -> Traffic:
        """The messages that a consumer took; one record for each consumer that took it."""
        return self.select((Kind.TAKEN,), topic, method)

    def replies(self, topic: str | None = None, method: str | None = None) -> Traffic:
        """The values that handlers gave; ``record.value`` has them."""
        return self.select((Kind.REPLY,), topic, method)

    def failures(self, topic: str | None = None, method: str | None = None) -> Traffic:
        """The errors that handlers raised; ``record.value`` is a `rpcfake.message.Failure`."""
        return self.select((Kind.FAILURE,), topic, method)

    def timeouts(self, topic: str | None = None, method: str | None = None) -> Traffic:
        """The messages whose caller gave up waiting."""
        return self.select((Kind.TIMEOUT,), topic, method)

    def dropped(self, topic: str | None = None, method: str | None = None) -> Traffic:
        """The messages to topics that nobody ever declared, and the replies that came too late."""
        return self.select((Kind.DROPPED,), topic, method)

    def where(self, pred: Callable[[Record], object]) -> Traffic:
        """The records for which ``pred(record)`` is true. It builds every Record that it asks."""
        if not callable(pred):
            raise TypeError(f"pred is {brief(pred)}: it must be a function of one Record")
        build = self._log.build
        return self._narrow(_pack([seq for seq in self._seqs if pred(build(seq))]))

    def caused_by(self, record: Record) -> Traffic:
        """All that followed from a record, directly or not: everything below it in the tree.

        For what was sent this is all that its handlers did, and all that was done for them.

        Raises:
            TypeError: it is no Record.
            ValueError: it is none of this traffic.
        """
        if not isinstance(record, Record):
            raise TypeError(f"record is {brief(record)}: it must be a Record")
        rows = self._log.rows
        if not self._holds(record):
            raise ValueError(f"record is {record!r}: it is not from this traffic")
        below = {record.seq}
        for seq in range(record.seq + 1, max(self._seqs, default=-1) + 1):
            if rows[seq][CAUSE] in below:
                below.add(seq)
        below.discard(record.seq)
        return self._narrow(_pack([seq for seq in self._seqs if seq in below]))

    def diagram(self, limit: int | None = None, *, ascii: bool = False, width: int = 110) -> str:
        """A text sequence diagram: a line for each thing that happened, the time at the left.

        Args:
            limit: show only so many lines from the beginning and from the end; None shows all.
            ascii: draw with ASCII only, and escape everything else.
            width: about how many columns it may take, 60 or more.

        Raises:
            TypeError, ValueError: limit is no int of 1 or more, or width none of 60 or more.
        """
        return draw(self._log, self._seqs, limit=limit, ascii=ascii, width=width)

    def save(
        self,
        path: str | PathLike[str],
        *,
        redact: bool | Redaction = True,
        times: bool = True,
        tracebacks: bool = False,
    ) -> None:
        """Write it to a cassette: a JSON object for each record, between a header and an end.

        The same traffic gives the same bytes. Of filtered traffic the file has the records that its
        own ones refer to as well, marked as an aside. The file takes the place of what was there in
        one step.

        Args:
            path: the file; its folder must be there.
            redact: whether to take secrets out, and by which rules.
            times: whether to write when things happened.
            tracebacks: whether to write those of failures, which name files and lines.

        Raises:
            OSError: it can't be written; what was there stays.
            SerializationError: a codec of your own carried something that JSON can't.
            TypeError: an argument is wrong.
        """
        save_traffic(self._log, self._seqs, path, redact, times, tracebacks)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Traffic:
        """The traffic of a cassette. Nothing in it is executed.

        Raises:
            CassetteError: the file is no cassette, damaged, cut off, or newer than this rpcfake;
                with the line and the column. Nothing is loaded.
            OSError: it can't be read.
        """
        loaded = load_rows(path)
        traffic = cls(loaded.rows, open_line, None, loaded.origin)
        return traffic if loaded.shown is None else traffic._narrow(_pack(loaded.shown))

    def compare(
        self,
        expected: Traffic,
        *,
        kinds: Collection[str] | None = None,
        order: Order = "total",
        ignore: Collection[str] = (),
        match: Mapping[str, Any] | None = None,
        times: bool = False,
    ) -> Comparison:
        """How this traffic differs from what is expected, message by message.

        Unlike ``==`` it does not look at the numbers of records, and where one of the two comes
        from a cassette without secrets, a secret of the other counts as what stands there for it.

        Args:
            expected: the other one, such as ``Traffic.load(path)``.
            kinds, order, ignore, match, times: what counts; see `rpcfake.traffic.Comparing`.

        Returns:
            What differs: true where nothing does, and ``str()`` tells it.

        Raises:
            TypeError, ValueError: an argument is wrong.
        """
        if not isinstance(expected, Traffic):
            raise TypeError(f"expected is {brief(expected)}: it must be a Traffic")
        rules = Comparing(kinds, order, ignore, match or {}, times)
        return compare((expected._log, expected._seqs), (self._log, self._seqs), rules)

    def _holds(self, record: Record) -> bool:
        if not 0 <= record.seq < self._log.stop:
            return False
        row = self._log.rows[record.seq]
        same = row[KIND] == record.kind and row[CAUSE] == record.cause
        return bool(same and row[TIME] / 1e6 == record.time)


def _pack(seqs: list[int]) -> Sequence[int]:
    """Eight bytes for each row, where a list takes forty."""
    return array("q", seqs)


def _read_kinds(kinds: Collection[str]) -> frozenset[str]:
    known = ", ".join(Kind)
    if isinstance(kinds, str) or not isinstance(kinds, Collection):
        raise TypeError(f"kinds is {brief(kinds)}: it must be a collection of kinds ({known})")
    for kind in kinds:
        if kind not in [*Kind]:
            raise ValueError(f"kinds has {brief(kind)}: it must have kinds only ({known})")
    return frozenset(str(kind) for kind in kinds)
