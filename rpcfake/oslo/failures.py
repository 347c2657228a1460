"""Remote errors as the rabbit driver carries them (`oslo_messaging._drivers.common`)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from oslo_messaging._drivers import common
from oslo_serialization import jsonutils

from rpcfake.handling import describe


def describe_failure(error: BaseException) -> list[Any]:
    """The three texts of any failure, then the text in which oslo.messaging sends it."""
    texts: list[Any] = list(describe(error))
    with suppress(Exception):  # where its own arguments can't be carried, the three texts can
        texts.append(common.serialize_remote_exception((type(error), error, error.__traceback__)))
    return texts


def make_error(texts: Sequence[Any], allowed_remote_exmods: list[str]) -> Exception:
    """What the caller raises: of an allowed module the class itself, else a `RemoteError`."""
    exc_type, value, traceback, *more = texts
    data = (
        more[0]
        if more
        else jsonutils.dumps(
            {
                "class": exc_type,
                "module": "",
                "message": value,
                "tb": traceback.splitlines(keepends=True),
                "args": [value],
                "kwargs": {},
            }
        )
    )
    error: Exception = common.deserialize_remote_exception(data, allowed_remote_exmods)
    return error
