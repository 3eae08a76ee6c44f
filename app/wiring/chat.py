"""The services that talk about pictures."""

from functools import cached_property, partial

from app.domain.images import Image, ImageSource
from app.services.answering import Answers
from app.services.chat import ChatService, ChatTerms, Outside
from app.services.chat_history import Memory
from app.services.chat_pictures import ChatPictures
from app.services.erasing import EraseService
from app.services.errands import Errands
from app.services.questions import Questions
from app.services.replaying import Replays
from app.services.saving_uploads import UploadSaver
from app.services.sessions import SessionService
from app.services.turns import Turns
from app.services.uploads import UploadService, UploadTerms
from app.services.vision import Vision, VisionTerms
from app.wiring.inputs import InputGraph
from app.wiring.topics import READ, STOPPED


class ChatGraph(InputGraph):
    """One property a service; reading one builds what it stands on."""

    @cached_property
    def errands(self) -> Errands:
        return Errands()

    @cached_property
    def answers(self) -> Answers:
        return Answers(
            conversations=self.adapters.conversations,
            errands=self.errands,
            metrics=self.metrics,
            owner=self.process_name,
            clock=self.world.clock,
            monotonic=self.world.monotonic,
        )

    @cached_property
    def chat(self) -> ChatService:
        adapters, world = self.adapters, self.world
        return ChatService(
            conversations=adapters.conversations,
            repetitions=adapters.repetitions,
            questions=self.questions,
            pictures=self.chat_pictures,
            answers=self.answers,
            replays=Replays(
                conversations=adapters.conversations,
                is_stopping=lambda: self.answers.is_stopping,
                tell=partial(adapters.bus.tell, READ),
            ),
            errands=self.errands,
            metrics=self.metrics,
            outside=Outside(ids=world.ids, clock=world.clock, monotonic=world.monotonic),
            terms=self.chat_terms,
            tell=partial(adapters.bus.tell, STOPPED),
            on_pictures=self.enforce_limit,
        )

    @cached_property
    def chat_terms(self) -> ChatTerms:
        return ChatTerms(max_answer=self.settings.chat_answer_max_chars)

    @cached_property
    def questions(self) -> Questions:
        settings, adapters = self.settings, self.adapters
        return Questions(
            conversations=adapters.conversations,
            models=adapters.models,
            vision=Vision(
                models=adapters.models,
                terms=VisionTerms(
                    default=settings.ollama_model,
                    fallback=settings.vision_fallback_model,
                    is_detecting=settings.vision_model_detection_enabled,
                ),
                monotonic=self.world.monotonic,
            ),
            pictures=self.chat_pictures,
            turns=Turns(
                at_once=settings.ollama_concurrency,
                waiting=settings.ollama_queue_limit,
                on_refused=self.metrics.answer_refused,
            ),
            memory=Memory(
                messages=settings.chat_history_messages,
                characters=settings.chat_history_max_chars,
                pictures=settings.chat_history_images,
            ),
        )

    @cached_property
    def chat_pictures(self) -> ChatPictures:
        return ChatPictures(
            uploads=self._chat_uploads,
            hosting=self.hosting,
            variants=self.variants,
            errands=self.errands,
            note=self.access_times.note,
            is_enabled=self.settings.image_upload_enabled and self.settings.image_hosting_enabled,
        )

    @cached_property
    def sessions(self) -> SessionService:
        return SessionService(
            conversations=self.adapters.conversations,
            hosting=self.hosting,
            answers=self.answers,
            tell=partial(self.adapters.bus.tell, STOPPED),
        )

    @cached_property
    def erasing(self) -> EraseService:
        return EraseService(
            images=self.adapters.images,
            conversations=self.adapters.conversations,
            hosting=self.hosting,
            temporary=self.temporary,
            clock=self.world.clock,
            stop=self.answers.stop_of,
        )

    @cached_property
    def _chat_uploads(self) -> UploadService:
        adapters, settings = self.adapters, self.settings
        return UploadService(
            images=adapters.images,
            repetitions=adapters.repetitions,
            blobs=adapters.blobs,
            saver=UploadSaver(
                blobs=adapters.blobs,
                cleaner=adapters.inspector,
                inspector=adapters.inspector,
                gallery=self.gallery,
                allowed=settings.image_allowed_types,
            ),
            ids=self.world.ids,
            clock=self.world.clock,
            terms=UploadTerms(
                max_bytes=settings.image_max_size,
                is_hosting=settings.image_hosting_enabled,
                source=ImageSource.CHAT,
            ),
            on_stored=self._on_picture,
        )

    async def _on_picture(self, image: Image) -> None:
        # The limit is enforced once all pictures of a message are its own: none of them is to go for another.
        self._tell_uploaded(image)
