"""All services: beside those that keep images and take them in, the ones that deal with providers."""

from datetime import timedelta
from functools import cached_property, partial

from app.adapters.providers.fal_webhooks import FalWebhooks
from app.adapters.providers.replicate_webhooks import ReplicateWebhooks
from app.services.adoption import AdoptionService
from app.services.callbacks import Callbacks
from app.services.comparing import ListComparison
from app.services.following import Follower
from app.services.forwarding import ForwardingService
from app.services.generation import GenerationService
from app.services.jobs import JobService
from app.services.launching import Launcher, Terms
from app.services.reconciling import Reconciler
from app.services.rounds import Rounds
from app.services.webhooks import WebhookService
from app.wiring.chat import ChatGraph
from app.wiring.topics import UNANSWERED


class Graph(ChatGraph):
    """One property a service; reading one builds what it stands on."""

    @cached_property
    def jobs(self) -> JobService:
        return JobService(
            generations=self.adapters.generations,
            providers=self.adapters.provider,
            sources=self.sources,
            signals=self.signals,
            clock=self.world.clock,
            kick=self.runner.kick,
            lifetime=self.settings.generation_deadline,
            on_ended=self.inputs.release,
        )

    @cached_property
    def reconciler(self) -> Reconciler:
        return Reconciler(
            generations=self.adapters.generations,
            providers=self.adapters.provider,
            jobs=self.jobs,
            clock=self.world.clock,
            since=self.world.since,
            tell_lost=partial(self.adapters.bus.tell, UNANSWERED),
            hearing=self.settings.generation_deadline if self.callbacks.are_reachable else timedelta(),
        )

    @cached_property
    def rounds(self) -> Rounds:
        return Rounds(
            retention=self.retention,
            recovery=self.recovery,
            conversations=self.conversation_check,
            reconcile=self.reconciler.reconcile,
            upkeep=self.upkeep.run,
            successes=self.adapters.successes,
            metrics=self.metrics,
            clock=self.world.clock,
        )

    @cached_property
    def launcher(self) -> Launcher:
        return Launcher(
            generations=self.adapters.generations,
            providers=self.adapters.provider,
            jobs=self.jobs,
            reconciler=self.reconciler,
            signals=self.signals,
            ids=self.world.ids,
            clock=self.world.clock,
            terms=Terms(
                webhook_url=self.callbacks.for_generation,
                cancel_after=self.settings.generation_deadline,
                is_hosting=self.settings.image_hosting_enabled,
                preparation=self.inputs,
            ),
        )

    @cached_property
    def generations(self) -> GenerationService:
        return GenerationService(
            generations=self.adapters.generations,
            launcher=self.launcher,
            jobs=self.jobs,
            follower=Follower(jobs=self.jobs, signals=self.signals, monotonic=self.world.monotonic),
            imports=self.imports,
            admission=self.admission,
            monotonic=self.world.monotonic,
        )

    @cached_property
    def forwarding(self) -> ForwardingService:
        return ForwardingService(
            generations=self.generations,
            repetitions=self.adapters.repetitions,
            probe=self.adapters.probe,
            own=self.own_images,
        )

    @cached_property
    def callbacks(self) -> Callbacks:
        return Callbacks(base_url=self.reachable_at, keys=self.signing_keys)

    @cached_property
    def webhooks(self) -> WebhookService:
        replicate, fal, clock = self.adapters.replicate, self.adapters.fal, self.world.clock
        return WebhookService(
            readers={
                replicate.name: ReplicateWebhooks(
                    secret=self.settings.replicate_webhook_secret,
                    fetch_secret=replicate.webhook_secret,
                    parse=replicate.parse,
                    clock=clock,
                ),
                fal.name: FalWebhooks(verify=self.adapters.fal_keys.verify, parse=fal.parse, clock=clock),
            },
            callbacks=self.callbacks,
            jobs=self.jobs,
            adoptions=self.adoptions,
        )

    @cached_property
    def comparison(self) -> ListComparison:
        return ListComparison(
            provider=lambda: self.adapters.replicate,
            generations=self.adapters.generations,
            callbacks=self.callbacks,
            webhooks=self.webhooks,
            clock=self.world.clock,
        )

    @cached_property
    def adoptions(self) -> AdoptionService:
        return AdoptionService(
            generations=self.generations,
            catalog=self.adapters.generations,
            jobs=self.jobs,
            providers=self.adapters.provider,
            ids=self.world.ids,
            clock=self.world.clock,
            is_hosting=self.settings.image_hosting_enabled,
        )
