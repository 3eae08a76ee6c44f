"""Running a model and hosting what it makes."""

from dataclasses import dataclass
from datetime import timedelta

from app.domain.access import Caller
from app.domain.catalog import GenerationCatalog, IdempotencyKey
from app.domain.errors import NotFound, Overloaded, ProviderAnswerLost, ProviderFailed, SourceGone
from app.domain.generations import Generation, Job
from app.domain.ids import GenerationId
from app.domain.images import Image
from app.domain.ports import Monotonic
from app.services.admission import Admission
from app.services.following import Follower
from app.services.importing import ImportService
from app.services.jobs import JobService
from app.services.launching import GenerationRequest, Launcher

_SETTLE_SECONDS = 5.0
_LEAST_HOSTING_SECONDS = 0.3
_MOST_HOSTING_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationView:
    """A generation with its images in order.  *outputs* are the provider's URLs where nothing is hosted."""

    generation: Generation
    images: list[Image]
    outputs: tuple[str, ...] = ()

    @property
    def has_outputs(self) -> bool:
        """Whether the provider has delivered, so that there is more to show than a promise."""
        return bool(self.outputs) or any(not image.is_promised for image in self.images)


class GenerationService:
    def __init__(
        self,
        *,
        generations: GenerationCatalog,
        launcher: Launcher,
        jobs: JobService,
        follower: Follower,
        imports: ImportService,
        admission: Admission,
        monotonic: Monotonic,
    ) -> None:
        self._generations = generations
        self._launcher = launcher
        self._jobs = jobs
        self._follower = follower
        self._imports = imports
        self._admission = admission
        self._monotonic = monotonic

    async def generate(
        self, request: GenerationRequest, *, idempotency_key: IdempotencyKey | None = None
    ) -> GenerationView:
        """Run a model; return its images once they are hosted, or after the wait whatever there is then.

        Raise `ProviderFailed` when the job ended without success, and what `Provider.create` raises.
        """
        await self._admission.require_room()
        until = self._monotonic() + request.wait.total_seconds()
        launched = await self._launcher.launch(request, idempotency_key=idempotency_key)
        try:
            return await self._outcome(launched.generation, launched.job, until)
        except NotFound:
            if idempotency_key is None:
                raise
            # Another process was calling the provider for the same key; it was refused, and left no trace.
            raise Overloaded("The same request was just refused; ask again.", retry_after=1) from None

    async def adopt(
        self, generation: Generation, job: Job, *, wait: timedelta, idempotency_key: IdempotencyKey | None = None
    ) -> GenerationView:
        """Host the outputs of a job that the app itself started; *generation* is new, or is found by its job."""
        await self._admission.require_room(sum(map(len, job.outputs)))
        until = self._monotonic() + wait.total_seconds()
        known = await self._generations.begin(generation, idempotency_key=idempotency_key)
        return await self._outcome(await self._jobs.observe(known, job), job, until)

    async def show(self, generation_id: GenerationId, caller: Caller) -> GenerationView:
        """Return the state of a generation; raise `NotFound`."""
        generation = await self._jobs.find(generation_id)
        caller.require(generation.user)
        return await self._view(generation)

    async def cancel(self, generation_id: GenerationId, caller: Caller) -> GenerationView:
        """Cancel a generation and return its state; one that has ended stays as it ended."""
        generation = await self._jobs.find(generation_id)
        caller.require(generation.user)
        generation = await self._launcher.find_job(generation)
        if not generation.status.is_terminal:
            await self._jobs.cancel(generation)
        return await self._view(await self._jobs.find(generation_id))

    async def _outcome(self, generation: Generation, job: Job | None, until: float) -> GenerationView:
        early = job is not None and bool(job.outputs) and not job.status.is_terminal
        # A synchronous answer may hold the outputs of a job that is about to end: wait for its end, not for long.
        patience = min(until, self._monotonic() + _SETTLE_SECONDS) if early else until
        generation, seen = await self._follower.follow(generation, until=patience)
        if early and job is not None and not generation.status.is_terminal:
            generation = await self._jobs.observe(generation, job, take_early=True)
        _require_success(generation)
        view = await self._view(generation, seen or job)
        if view.has_outputs:
            await self._hosted(view.images, until)
        return await self._view(generation, seen or job)

    async def _hosted(self, images: list[Image], until: float) -> None:
        """Wait for the captures, but not so long that the app would do better with the provider's own URL."""
        left = until - self._monotonic()
        until = self._monotonic() + min(max(left, _LEAST_HOSTING_SECONDS), _MOST_HOSTING_SECONDS)
        for image in images:
            await self._imports.settled(image, seconds=max(0.0, until - self._monotonic()))

    async def _view(self, generation: Generation, job: Job | None = None) -> GenerationView:
        if not generation.hosted:
            if job is None or not (job.outputs or job.status.is_terminal):
                job = await self._jobs.poll(generation)  # its end may have come by webhook, which kept nothing
            return GenerationView(generation=generation, images=[], outputs=job.outputs if job else ())
        images = await self._generations.images(generation.id)
        if not images and not generation.status.is_terminal:
            # Whoever sees it open gets a URL, and that URL is kept.
            promised = await self._generations.promise(generation.id, at=generation.created_at)
            images = [promised] if promised else []
        return GenerationView(generation=generation, images=images)


def _require_success(generation: Generation) -> None:
    """Raise why a generation that has ended has no images."""
    if generation.error_code is None:
        return
    details = {
        "generation_id": str(generation.id),
        "prediction_id": generation.job_id,
        "generation_status": generation.status.value,
    }
    if generation.error_code == "not_started":
        raise ProviderAnswerLost(generation.error or "The provider did not start it.", details=details)
    if generation.error_code == SourceGone.code:
        raise SourceGone(generation.error or "The outputs are gone.", details=details)
    raise ProviderFailed(generation.error or "The generation failed.", details=details)
