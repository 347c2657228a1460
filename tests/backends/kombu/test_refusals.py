"""What is said where a broker can't be had: one line, and never the password."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from rpcfake import BackendUnavailable
from rpcfake.backends.kombu import kombu
from rpcfake.backends.registry import find_backend

SECRET = "open-sesame"


def with_login(url: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{parts.hostname}:{parts.port}"))


def refused(url: str, **options: Any) -> str:
    """What is said; nothing is left behind."""
    before = threading.active_count()
    with pytest.raises(BackendUnavailable) as caught:
        kombu(url, **options)
    assert threading.active_count() == before
    text = str(caught.value)
    assert "\n" not in text
    assert SECRET not in text
    assert caught.value.__cause__ is None
    return text


def test_nobody_listens() -> None:
    text = refused(f"amqp://guest:{SECRET}@127.0.0.1:1//")
    assert text == "kombu: amqp://guest:**@127.0.0.1:1//: [Errno 111] Connection refused"


def test_no_redis_listens() -> None:
    assert "refused" in refused(f"redis://:{SECRET}@127.0.0.1:1/0")


def test_several_hosts_and_nobody_listens() -> None:
    text = refused(f"amqp://u:{SECRET}@127.0.0.1:1//;amqp://u:{SECRET}@127.0.0.1:2//")
    assert text.count("u:**@127.0.0.1") == 2


def test_the_second_of_several_hosts_listens(amqp_url: str) -> None:
    kombu(f"amqp://u:{SECRET}@127.0.0.1:1//;{amqp_url}").close()


def test_a_wrong_password(amqp_url: str) -> None:
    text = refused(with_login(amqp_url, "guest", SECRET))
    assert "guest:**@" in text
    assert "ACCESS_REFUSED" in text


def test_a_vhost_that_is_not_there(amqp_url: str) -> None:
    parts = urlsplit(amqp_url)
    assert "nowhere not found" in refused(urlunsplit(parts._replace(path="/nowhere")))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (f"pigeon://u:{SECRET}@loft", "No such transport: pigeon"),
        (f"amqp://u:{SECRET}#more@host:1//", "can't be read"),
        (f"amqp://u:{SECRET}:more@host:1x//", "can't be read"),
    ],
)
def test_no_such_url(url: str, says: str) -> None:
    assert says in refused(url)


def test_a_database_that_is_none(redis_url: str) -> None:
    parts = urlsplit(redis_url)
    assert "Database" in refused(urlunsplit(parts._replace(path="/blue")))


@pytest.mark.parametrize(
    ("option", "value"), [("concurrency", 31), ("prefetch", 0), ("prefix", "a b")]
)
def test_options_that_make_no_sense(option: str, value: Any, amqp_url: str) -> None:
    with pytest.raises(ValueError, match=option):
        kombu(amqp_url, **{option: value})


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(TypeError, match="colour"):
        find_backend("kombu", colour="blue")


def test_without_the_library_it_says_what_to_install() -> None:
    program = """
import sys
sys.modules["kombu"] = None
from rpcfake import BackendUnavailable
from rpcfake.backends.registry import find_backend
try:
    find_backend("kombu")
except BackendUnavailable as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == (
        "backend 'kombu' needs the package kombu: pip install 'rpcfake[kombu]'"
    ), done.stderr


def test_finding_other_backends_loads_no_kombu() -> None:
    program = """
import sys
from rpcfake.backends.registry import find_backend
find_backend("memory")
print("kombu" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
