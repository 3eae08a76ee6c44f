"""A stand-in for Replicate: its API, its delivery host, its webhooks, an expiry clock and faults.

    async with ReplicateStandIn() as replicate:
        ...  # point a client at replicate.base_url with replicate.token
        replicate.advance(3700)  # and the outputs are gone

`python -m devkit.replicate --port 8099` runs it on its own; `POST /_control/advance` then moves its clock.
"""

from devkit.clock import FakeClock
from devkit.delivery_faults import DeliveryFault
from devkit.replicate.behaviour import Behaviour, Shape, Sync
from devkit.replicate.faults import ApiFault, insufficient_credit, throttled, unauthenticated
from devkit.replicate.signature import sign
from devkit.replicate.standin import ReplicateStandIn
from devkit.replicate.webhooks import Conduct, Delivery

__all__ = [
    "ApiFault",
    "Behaviour",
    "Conduct",
    "Delivery",
    "DeliveryFault",
    "FakeClock",
    "ReplicateStandIn",
    "Shape",
    "Sync",
    "insufficient_credit",
    "sign",
    "throttled",
    "unauthenticated",
]
