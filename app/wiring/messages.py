"""What the processes of one deployment tell each other, and what each does about it."""

import logging

from app.domain.ids import GenerationId
from app.fleet.channel import Gone
from app.wiring.graph import Graph
from app.wiring.topics import CHANGED, COUNTED, DUE, READ, READS, STOPPED, UNANSWERED

log = logging.getLogger(__name__)


def connect(graph: Graph) -> None:
    """Have *graph* hear the other processes."""
    bus = graph.adapters.bus
    bus.on(CHANGED, graph.signals.hear)
    bus.on(DUE, lambda _: graph.runner.wake())
    bus.on(COUNTED, graph.limiter.hear)
    bus.on(UNANSWERED, lambda text: graph.reconciler.hear_lost(GenerationId(text)))
    bus.on(READ, graph.answers.hear_reader)
    bus.on(STOPPED, graph.answers.hear)
    bus.on_question(READS, graph.access_times.flush)


async def take_over(graph: Graph, gone: Gone) -> None:
    """Free what a process that has died held, for whoever is first."""
    graph.metrics.forget(gone.pid)
    await release(graph, gone)
    graph.runner.kick()
    graph.adapters.bus.tell(DUE)


async def release(graph: Graph, gone: Gone | None) -> None:
    """Free the captures that *gone* (None: anybody) held, and end the answers it was saying."""
    now, owner = graph.world.clock(), gone.owner if gone else None
    captures = await graph.adapters.captures.release_all(owner=owner, now=now)
    answers = await graph.adapters.conversations.end_abandoned(owner=owner, at=now)
    log.info("captures taken over", extra={"captures": captures, "answers": answers, "pid": gone and gone.pid})
