"""What the processes of one deployment tell each other, and what each does about it."""

import logging

from app.domain.ids import GenerationId
from app.fleet.channel import Gone
from app.wiring.graph import Graph
from app.wiring.topics import CHANGED, COUNTED, DUE, READS, UNANSWERED

log = logging.getLogger(__name__)


def connect(graph: Graph) -> None:
    """Have *graph* hear the other processes."""
    bus = graph.adapters.bus
    bus.on(CHANGED, graph.signals.hear)
    bus.on(DUE, lambda _: graph.runner.wake())
    bus.on(COUNTED, graph.limiter.hear)
    bus.on(UNANSWERED, lambda text: graph.reconciler.hear_lost(GenerationId(text)))
    bus.on_question(READS, graph.access_times.flush)


async def take_over(graph: Graph, gone: Gone) -> None:
    """Free what a process that has died held, for whoever is first."""
    graph.metrics.forget(gone.pid)
    released = await graph.adapters.captures.release_all(owner=gone.owner, now=graph.world.clock())
    log.info("captures taken over", extra={"captures": released, "pid": gone.pid})
    graph.runner.kick()
    graph.adapters.bus.tell(DUE)
