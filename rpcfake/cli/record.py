"""``rpcfake record``: what passes on a running broker, into a cassette."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rpcfake.tap.pairing import Pairing

FAILED = 2
"""The exit code where the broker or the file can't be had."""

DEFAULT_URL = "amqp://guest:guest@127.0.0.1:5672//"
EXCHANGES = ("topics", "fanouts", "replies")
"""Of the backend ``kombu``, below its prefix."""

TOPICS_SHOWN = 20


@click.command()
@click.option("--url", default=DEFAULT_URL, show_default=True, help="Of the broker, a RabbitMQ.")
@click.option(
    "-o", "--output", "file", metavar="FILE", required=True, help="The cassette that is written."
)
@click.option(
    "--exchange",
    "exchanges",
    metavar="NAME[:KEY]",
    multiple=True,
    help="Listen to this exchange, with this routing key (# is all, and the default). May be given"
    " several times. Default: all with the tracer, else the three of rpcfake's backend kombu.",
)
@click.option(
    "--prefix",
    default="rpcfake",
    show_default=True,
    help="Of the names of these three, if the services chose another.",
)
@click.option(
    "--trace/--no-trace",
    default=None,
    help="Use RabbitMQ's tracer, or don't; without either, where tracing is on.",
)
@click.option("--seconds", type=click.FloatRange(min=0), help="Stop after so long.")
@click.option("--messages", type=click.IntRange(min=1), help="Stop after so many.")
@click.option(
    "--redact",
    metavar="KEY",
    multiple=True,
    help="A key whose values are secret, beside passwords and such.",
)
@click.option("--keep", metavar="KEY", multiple=True, help="A key that looks secret and is not.")
def record(
    url: str,
    file: str,
    exchanges: tuple[str, ...],
    prefix: str,
    trace: bool | None,
    seconds: float | None,
    messages: int | None,
    redact: tuple[str, ...],
    keep: tuple[str, ...],
) -> None:
    """Record what passes on a running RabbitMQ, without touching the services.

    Where tracing is on (`rabbitmqctl trace_on`), its tracer shows all that passes on the virtual
    host, or through the exchanges named, with all answers to it, and who takes what. Else a queue
    of its own gets a copy of what is published to the exchanges: of oslo.messaging these are
    requests only, since replies go over the default exchange, which can't be bound to.

    Understood are the messages of rpcfake's backend kombu and of oslo.messaging; others are kept as
    they are. Secrets are taken out before anything is written. Ctrl-C ends it with a whole file,
    which takes the place of what was there. Exit code 2: the broker can't be reached, and the file
    is left alone; or it went away, and what was seen by then is in the file.
    """
    try:
        from rpcfake.tap import rabbit
    except ImportError as error:
        raise click.ClickException(
            f"rpcfake record needs kombu ({error}): python -m pip install 'rpcfake[kombu]'"
        ) from None
    from rpcfake.errors import BackendUnavailable
    from rpcfake.tap import oslo_wire, rpcfake_wire
    from rpcfake.tap.pairing import Pairing
    from rpcfake.traffic.cassette import CassetteWriter, Header, Redaction

    names = exchanges or [f"{prefix}.{name}" for name in EXCHANGES]
    try:
        sources = [rabbit.Source.parse(name) for name in names]
        rules = Redaction(keys=redact, keep=keep)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    header = Header(clock="real", made_by={"name": "rpcfake record"}, redacted=rules)
    trouble = ""
    with ExitStack() as opened:
        writers: list[CassetteWriter] = []

        def listens(traced: bool) -> None:
            # Only now: a broker that can't be had leaves the file alone.
            try:
                writers.append(opened.enter_context(CassetteWriter(file, header)))
            except OSError as error:
                text = f"{file} can't be written: {error.strerror}"
                raise click.ClickException(text) from None
            _say_how(traced)

        dialects = [rpcfake_wire.understand, oslo_wire.understand]
        only = frozenset(source.exchange for source in sources) if exchanges else None
        pairing = Pairing(dialects, lambda entry: writers[0].write(entry), only)
        end = None if seconds is None else time.monotonic() + seconds
        with _until_stopped() as stopped, _shown(pairing) as look:

            def go_on() -> bool:
                look()
                enough = messages is not None and pairing.seen >= messages
                late = end is not None and time.monotonic() >= end
                return not (enough or late or stopped.is_set())

            try:
                rabbit.tap(url, sources, pairing.see, go_on, trace=trace, say=listens)
            except BackendUnavailable as error:
                trouble = str(error)
    if writers:
        click.echo(f"{pairing.summary()} in {file}", err=True)
    if trouble:
        click.echo(f"Error: {trouble}", err=True)
        raise SystemExit(FAILED)


def _say_how(traced: bool) -> None:
    if traced:
        text = "Listening to the tracer. Switch it off afterwards: rabbitmqctl trace_off"
    else:
        text = (
            "Listening to exchanges: who takes what is not seen, nor are replies over the default"
            " exchange, as oslo.messaging's are. `rabbitmqctl trace_on` shows both."
        )
    click.echo(text, err=True)


@contextmanager
def _until_stopped() -> Iterator[threading.Event]:
    """Ctrl-C, and what asks a process to end, set the event."""
    stopped = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stopped.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _shown(pairing: Pairing) -> Iterator[Any]:
    """On a terminal a table that lives while it runs; gives a function that renews it."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda: None
        return
    from rich.live import Live

    began = time.monotonic()
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def look() -> None:
            with suppress(Exception):  # a terminal that went away ends nothing
                live.update(_table(pairing, time.monotonic() - began), refresh=True)

        yield look


def _table(pairing: Pairing, seconds: float) -> Any:
    from rich.table import Table

    from rpcfake.traffic.text import clean

    table = Table(title=f"{pairing.summary()}; Ctrl-C ends it")
    for name in ("topic", "requests", "per second", "pending"):
        table.add_column(name, justify="left" if name == "topic" else "right")
    for topic, count in pairing.counts.most_common(TOPICS_SHOWN):
        rate = count / max(seconds, 1)
        waiting = f"{pairing.waiting[topic]:,}" if pairing.waiting[topic] else ""
        table.add_row(clean(topic, 60), f"{count:,}", f"{rate:,.1f}", waiting)
    if len(pairing.counts) > TOPICS_SHOWN:
        table.add_row(f"… and {len(pairing.counts) - TOPICS_SHOWN} more", "", "", "")
    return table
