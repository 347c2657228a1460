"""Brokers for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .brokers import AMQP_URL, REDIS_URL, Broker, Service, require


@pytest.fixture(scope="session")
def amqp_url() -> str:
    return require(AMQP_URL)


@pytest.fixture(scope="session")
def redis_url() -> str:
    return require(REDIS_URL)


@pytest.fixture
def rabbit(amqp_url: str) -> Iterator[Broker]:
    """RabbitMQ."""
    yield from _broker(amqp_url)


@pytest.fixture(params=["amqp_url", "redis_url"], ids=["rabbitmq", "redis"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """RabbitMQ, and then Redis."""
    yield from _broker(request.getfixturevalue(request.param))


def _broker(url: str) -> Iterator[Broker]:
    made = Broker(url)
    yield made
    made.close()


@pytest.fixture
def service() -> Iterator[Service]:
    """A proxy whose handlers all go on when the test is over."""
    made = Service()
    yield made
    made.gate.set()
