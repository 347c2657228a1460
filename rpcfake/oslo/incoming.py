"""What a listener hands to oslo.messaging's servers."""

from __future__ import annotations

import logging
from typing import Any

from oslo_messaging._drivers import base

from rpcfake.handling import Delivery
from rpcfake.oslo import naming

LOG = logging.getLogger(__name__)


class Incoming(base.RpcIncomingMessage):  # type: ignore[misc]
    """An RPC message. Who acknowledges it handles it: what that thread sends from then on follows
    from it, until it replies.

    Args:
        monitored: whether the server's own thread shall tell the caller of a monitored call that it
            is alive.
    """

    def __init__(self, delivery: Delivery, monitored: bool = True) -> None:
        self._delivery = delivery
        self._answered = False
        headers = dict(delivery.headers)
        alive = headers.pop(naming.MONITOR, None)
        message = naming.unpack(delivery.method, delivery.args, headers)
        super().__init__(delivery.context, message, str(delivery.envelope.seq))
        if monitored:
            self.client_timeout = alive

    def acknowledge(self) -> None:
        self._delivery.begin()

    def reply(self, reply: Any = None, failure: Any = None) -> None:
        """Give a value or, of ``sys.exc_info()``, an exception. The second answer is dropped."""
        if self._answered:
            LOG.warning("a second reply to message %s was dropped", self.msg_id)
            return
        self._answered = True
        if failure:
            error = failure[1]
            self._delivery.fail(error.with_traceback(failure[2]))
        else:
            self._delivery.reply(reply)

    def requeue(self) -> None:
        self._answered = True
        self._delivery.requeue()

    def heartbeat(self) -> None:
        self._delivery.heartbeat()

    def __del__(self) -> None:
        if not self._answered:
            self._delivery.done()


class IncomingNotification(base.RpcIncomingMessage):  # type: ignore[misc]
    """A notification. Who opens it handles it, until it is acknowledged or given back."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._over = False
        message = naming.unpack_notification(delivery.method, delivery.args, delivery.headers)
        super().__init__(delivery.context, message, str(delivery.envelope.seq))

    @property
    def ctxt(self) -> Any:
        """The context; the dispatcher asks for it first."""
        if not self._over:
            self._delivery.begin()
        return self._ctxt

    @ctxt.setter
    def ctxt(self, context: Any) -> None:
        self._ctxt = context

    def acknowledge(self) -> None:
        self._over = True
        self._delivery.done()

    def requeue(self) -> None:
        self._over = True
        self._delivery.requeue()

    def reply(self, reply: Any = None, failure: Any = None) -> None:
        """A notification is not answered."""

    def heartbeat(self) -> None:
        """Nobody waits for a notification."""

    def __del__(self) -> None:
        if not self._over:
            self._delivery.done()
