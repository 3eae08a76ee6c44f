"""A stand-in for fal: its queue, its storage, its delivery host, its signed webhooks, an expiry clock and faults.

    async with FalStandIn() as fal:
        ...  # point a client at fal.queue_url with fal.key
        fal.advance(8 * 24 * 3600)  # and the outputs are gone

`python -m devkit.fal --port 8098` runs it on its own; `POST /_control/advance` then moves its clock.
"""

from devkit.fal.behaviour import Behaviour, Shape
from devkit.fal.keys import SigningKeys
from devkit.fal.standin import FalStandIn
from devkit.fal.webhooks import Conduct, Delivery
from devkit.replicate.faults import ApiFault

__all__ = ["ApiFault", "Behaviour", "Conduct", "Delivery", "FalStandIn", "Shape", "SigningKeys"]
