"""What one connection of a service takes from the broker, and hands to its handlers."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Any

import kombu
from kombu import Exchange, Queue

from rpcfake.backends.kombu.clock import wall
from rpcfake.backends.kombu.handling import Answers, Consumer, Handler, Request
from rpcfake.backends.kombu.link import Session
from rpcfake.backends.kombu.loop import Loop
from rpcfake.backends.kombu.naming import Names
from rpcfake.backends.kombu.wire import DEADLINE
from rpcfake.backends.kombu.workers import Workers
from rpcfake.backends.naming import encode

log = logging.getLogger(__name__)

BEGINNING = 1.0
"""Seconds that a close waits at the most for messages that were taken to begin."""


class Intake:
    """The consumers of one connection: their queues, and the messages that wait for a worker.

    A message is acknowledged when its handler begins. Until then the broker keeps it, and gives it
    to another consumer when this one is closed or lost.

    Args:
        running: where the multicalls are noted that are being handled, by their ids.
        prefetch: how many messages may wait here for each consumer.
    """

    def __init__(
        self,
        names: Names,
        answers: Answers,
        handler: Handler,
        running: dict[str, Request],
        *,
        concurrency: int,
        prefetch: int,
    ) -> None:
        self._names = names
        self._answers = answers
        self._handler = handler
        self._prefetch = prefetch
        self._workers = Workers(concurrency, "rpcfake-kombu-handler", self._freed)
        self._consumers: list[Consumer] = []
        self._readers: dict[str, deque[Consumer]] = {}
        """Of transports that allow one reader of a queue: who shares it, and takes turns."""
        self._subscriptions: list[Any] = []
        self._backlog: deque[tuple[Any, deque[Consumer]]] = deque()
        self._running = running
        self._session: Session | None = None
        self._channel: Any = None
        self._started = False
        self._pumping = False
        self.closed = False
        """Nothing is taken any more."""
        self.loop: Loop
        """Set by the loop, whose tenant this is."""

    # From any thread

    def declare(self, consumer: Consumer, seconds: float) -> None:
        """From now on, what is sent waits for the consumer. Raises as `Loop.run` does."""
        self.loop.run(partial(self._declare, consumer), seconds)

    def start(self, seconds: float) -> None:
        """Take messages. Raises as `Loop.run` does."""
        if not self._started:
            self.loop.run(self._start, seconds)

    def close(self) -> None:
        """Take no more messages, and give back those that wait here."""
        self.closed = True
        self.loop.dismiss(self, self._farewell)
        self._workers.close()
        for consumer in tuple(self._consumers):
            if consumer.newest is not None:  # what was taken begins before we return
                consumer.newest.wait(BEGINNING)

    @property
    def consumes(self) -> bool:
        return self._started and not self.closed

    @property
    def names(self) -> list[str]:
        """What its consumers are called."""
        return [consumer.name for consumer in tuple(self._consumers)]

    @property
    def state(self) -> str:
        """One word or two."""
        return "closed" if self.closed else "started" if self._started else "not started"

    def _freed(self) -> None:
        if self._backlog:
            self.loop.post(self._pump)

    # In the loop's thread

    def connected(self, session: Session) -> None:
        if self.closed:
            return
        self._session = session
        channel = self._channel = session.channel()
        channel.basic_qos(0, self._prefetch, False)
        for consumer in self._consumers:
            self._queue_for(consumer)
            if self._started:
                self._consume(consumer)
        for message, _ in self._backlog:
            message.channel = channel
        self._pump()

    def lost(self) -> None:
        if self._session is None:
            return
        if self._session.is_amqp:
            # The broker has taken back what was not acknowledged, and given it to others.
            self._backlog.clear()
        else:
            # It is ours still, and handled when we are back: else kombu would miss it only after
            # an hour. It must not hand it back as well.
            self._channel.do_restore = False
        self._readers.clear()
        self._subscriptions.clear()
        self._session = self._channel = None

    def _declare(self, consumer: Consumer, session: Session) -> None:
        self._queue_for(consumer)
        self._consumers.append(consumer)
        if self._started:
            self._consume(consumer)

    def _queue_for(self, consumer: Consumer) -> None:
        assert self._session is not None
        exclusive = self._session.is_amqp and consumer.fanout
        if not consumer.fanout:
            name = self._names.topic_queue(consumer.topic)
        elif consumer.queue is None or exclusive:
            name = self._names.own_queue("fanout")  # the one before may still be locked
        else:
            name = consumer.queue.name
        exchange = self._names.fanouts if consumer.fanout else self._names.topics
        consumer.queue = Queue(
            name,
            Exchange(exchange, "topic", durable=True),
            routing_key=encode(consumer.topic),
            durable=not consumer.fanout,
            exclusive=exclusive,
            auto_delete=False,
        )(self._channel)
        consumer.queue.declare()

    def _start(self, session: Session) -> None:
        if not self._started:
            self._started = True
            for consumer in self._consumers:
                self._consume(consumer)

    def _consume(self, consumer: Consumer) -> None:
        assert self._session is not None
        name = consumer.queue.name
        readers = self._readers.get(name)
        if readers is not None:
            readers.append(consumer)
            return
        readers = deque([consumer])
        if not self._session.is_amqp:
            # kombu has one callback for each queue there. A broker has turns for each consumer,
            # also of other connections, and so each is one to it.
            self._readers[name] = readers
            self._session.hurry(self._channel)
        subscription = kombu.Consumer(
            self._channel,
            [consumer.queue],
            on_message=partial(self._arrived, readers),
            on_decode_error=_unreadable,
            auto_declare=False,
        )
        subscription.consume()
        self._subscriptions.append(subscription)

    def _arrived(self, readers: deque[Consumer], message: Any) -> None:
        if self.closed:
            return  # the closing of the channel hands it back
        self._backlog.append((message, readers))
        self._pump()

    def _pump(self) -> None:
        """Hand what waits to workers, as long as there are free ones."""
        if self._pumping:
            return  # called while the broker was read in the middle of it
        self._pumping = True
        try:
            while self._backlog and not self.closed and self._workers.claim():
                job = None
                try:
                    job = self._take(*self._backlog.popleft())
                finally:
                    if job is None:
                        self._workers.give_back()
                if job is not None:
                    self._workers.submit(job)
        finally:
            self._pumping = False

    def _take(self, message: Any, readers: deque[Consumer]) -> Callable[[], object] | None:
        """Acknowledge a message; what is to be done with it, None if its time is over."""
        message.ack()
        if is_late(message):
            return None
        consumer = readers[0]
        readers.rotate(-1)
        request = Request(message, consumer)
        if request.kind == "multicall":
            self._running[request.id] = request
            self._answers.accept(request)
        return partial(self._handle, request)

    def _handle(self, request: Request) -> None:
        try:
            Context().run(self._handler.handle, request)
        finally:
            self._running.pop(request.id, None)

    def _farewell(self) -> None:
        session = self._session
        if session is None:
            return
        if session.is_amqp:
            # Cancelled first, so that nothing comes any more that the channel must throw away.
            for subscription in self._subscriptions:
                subscription.cancel()
        else:
            for message, _ in self._backlog:
                message.requeue()
            self._backlog.clear()
            session.hurry(self._channel)
        for consumer in self._consumers:
            if consumer.fanout:
                consumer.queue.delete()
        self._channel.close()
        self.lost()


def _unreadable(message: Any, error: Exception) -> None:
    """A message that is not ours, and that kombu can't open; kept, it would come again for ever."""
    log.error("a message was thrown away that can't be read: %s", error)
    message.reject()


def is_late(message: Any) -> bool:
    """Whether its caller has given up. The broker does not hand over what has expired, but it
    knows nothing of the time that a message waits here."""
    deadline = message.headers.get(DEADLINE)
    return isinstance(deadline, int | float) and deadline <= wall()
