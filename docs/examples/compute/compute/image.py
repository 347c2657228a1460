"""The image store, and how a host fetches an image from it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping

from compute import rpc
from compute.context import RequestContext
from compute.errors import ImageNotFound
from compute.flags import FLAGS

LOG = logging.getLogger(__name__)


class ImageManager:
    """Serves the topic ``image``; it knows the images by name and size in megabytes."""

    def __init__(self, images: Mapping[str, int]) -> None:
        self.images = dict(images)

    def transfer(self, context: RequestContext, image: str) -> Iterator[int]:
        """Send an image chunk by chunk; gives the percentage that has arrived after each."""
        if image not in self.images:
            raise ImageNotFound(f"there is no image {image!r}")
        size = self.images[image]
        sent = 0
        while sent < size:
            chunk = min(FLAGS.image_chunk, size - sent)
            time.sleep(chunk / FLAGS.image_speed)
            sent += chunk
            yield 100 * sent // size


def transfer(context: RequestContext, image: str) -> Iterator[int]:
    """Have the image store send an image here; gives each percentage as it is reached.

    Raises `rpc.Timeout` when the next chunk takes more than `Flags.image_timeout`.
    """
    msg = {"method": "transfer", "args": {"image": image}}
    for _, percent in rpc.multicall(context, "image", msg, timeout=FLAGS.image_timeout):
        yield percent


def fetch(context: RequestContext, image: str) -> None:
    """Transfer an image to the end."""
    for percent in transfer(context, image):
        LOG.info("image %s: %d %%", image, percent)
