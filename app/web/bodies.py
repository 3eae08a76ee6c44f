"""Request bodies.  Their schemas are what `/openapi.json` shows."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from app.domain.errors import AppError, InvalidInput, NotFound
from app.domain.generations import Order
from app.domain.ids import ImageId, UserId
from app.domain.temporary import TemporaryId
from app.services.addresses import NamedUrl
from app.services.forwarding import ONE, SEVERAL

Wait = Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)]
Metadata = Annotated[dict[str, Any], Field(description="Comes back as it was given.")]


class _Body(BaseModel):
    # Strict: "60" is no number.  Forbid: a misspelt field is an error, not a default.
    model_config = ConfigDict(extra="forbid", strict=True)


class _OwnedBody(_Body):
    user_id: Annotated[str | None, Field(description="The owner; may be left out with a user's token.")] = None
    metadata: Metadata = {}

    @field_validator("user_id")
    @classmethod
    def _is_user_id(cls, value: str | None) -> str | None:
        return None if value is None else str(_spoken(UserId.parse, value))

    @field_validator("metadata")
    @classmethod
    def _is_small(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        most = (info.context or {}).get("max_metadata")
        if most is not None and len(json.dumps(value, separators=(",", ":"))) > most:
            raise ValueError(f"larger than {most} bytes of JSON")
        return value


class GenerateBody(_OwnedBody):
    """Run a model and host what it makes."""

    model: Annotated[str | None, Field(min_length=1, max_length=256, description="owner/name")] = None
    version: Annotated[str | None, Field(min_length=1, max_length=256)] = None
    input: dict[str, Any]
    provider: Literal["replicate", "fal"] = "replicate"
    wait: Annotated[Wait, Field(description="Seconds to wait for the images.")] = 60

    @model_validator(mode="after")
    def _says_what_to_run(self) -> "GenerateBody":
        if (self.model is None) == (self.version is None):
            raise InvalidInput("Exactly one of model and version is needed.", field="model")
        return self

    @property
    def order(self) -> Order:
        return Order(model=self.model, version=self.version, input=self.input)


class InputUrl(_Body):
    """A picture for a model, and what the model calls it."""

    url: str
    name: Annotated[
        str | None, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$", description="image_urls if absent.")
    ] = None


class ForwardBody(_OwnedBody):
    """Run a model at fal on pictures that lie on allowed hosts."""

    model: Annotated[str, Field(min_length=1, max_length=256, description="owner/alias or owner/alias/sub/path")]
    input: Annotated[dict[str, Any], Field(description="What else the model wants.")] = {}
    image_url: Annotated[str | None, Field(alias="imageUrl", description="Becomes image_url of the input.")] = None
    reference_images: Annotated[
        list[str], Field(alias="referenceImages", max_length=32, description="Become image_urls of the input.")
    ] = []
    inputs: Annotated[list[InputUrl], Field(max_length=32, description="Pictures by the names of the model.")] = []
    wait: Annotated[Wait, Field(description="Seconds to wait for the images.")] = 0

    @property
    def urls(self) -> list[NamedUrl]:
        """The pictures with the names their model has for them."""
        first = [] if self.image_url is None else [NamedUrl(field="imageUrl", name=ONE, url=self.image_url)]
        listed = [
            NamedUrl(field=f"referenceImages.{number}", name=SEVERAL, url=url)
            for number, url in enumerate(self.reference_images)
        ]
        named = [
            NamedUrl(field=f"inputs.{number}.url", name=each.name or SEVERAL, url=each.url)
            for number, each in enumerate(self.inputs)
        ]
        return [*first, *listed, *named]


class ImportBody(_OwnedBody):
    """Host the image at an expiring URL, or all outputs of a Replicate prediction."""

    url: Annotated[str | None, Field(description="An https URL of a provider, or a data URI.")] = None
    image_id: str | None = None
    prediction_id: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")] = None
    output_index: Annotated[int | None, Field(ge=0, le=1000)] = None
    prediction: Annotated[dict[str, Any] | None, Field(description="A prediction as Replicate's API returns it.")] = (
        None
    )
    wait: Annotated[Wait, Field(description="Seconds to wait for the image.")] = 30

    @field_validator("image_id")
    @classmethod
    def _is_image_id(cls, value: str | None) -> str | None:
        return None if value is None else str(_spoken(ImageId.parse, value))

    @model_validator(mode="after")
    def _has_one_source(self) -> "ImportBody":
        if (self.url is None) == (self.prediction is None):
            raise InvalidInput("Exactly one of url and prediction is needed.", field="url")
        for name in ("image_id", "prediction_id", "output_index"):
            if self.prediction is not None and getattr(self, name) is not None:
                raise InvalidInput(f"{name} goes with url, not with prediction.", field=name)
        return self


class SignedUrlBody(_Body):
    """How long a link is to live."""

    expires_in: Annotated[int, Field(ge=1, le=31_536_000, description="Seconds.")] = 3600


class TemporaryBody(_Body):
    """A picture for a provider to fetch."""

    data_url: Annotated[str, Field(description="data:image/…;base64,…")]
    user_id: Annotated[str | None, Field(description="The owner; may be left out with a user's token.")] = None

    @field_validator("user_id")
    @classmethod
    def _is_user_id(cls, value: str | None) -> str | None:
        return None if value is None else str(_spoken(UserId.parse, value))


class TemporaryIdsBody(_Body):
    """Temporary images that are no longer needed."""

    ids: Annotated[list[str], Field(max_length=1000, description="What is no id names nothing, and is passed over.")]

    @property
    def named(self) -> Iterator[TemporaryId]:
        for text in self.ids:
            with suppress(NotFound):
                yield TemporaryId.parse(text)


class ChatBody(_Body):
    """A message to a model, with pictures or without.  Null, or a name without letters, is as good as left out."""

    message: Annotated[str | None, Field(description="May be left out with a picture.")] = None
    model: Annotated[str | None, Field(max_length=256, description="OLLAMA_MODEL if absent.")] = None
    session_id: Annotated[str | None, Field(description="The conversation; if absent a new one begins.")] = None
    images: Annotated[list[str] | None, Field(description="Ids of own images, or data:image/…;base64,… URLs.")] = None
    user_id: Annotated[str | None, Field(description="The owner; may be left out with a user's token.")] = None

    @field_validator("user_id")
    @classmethod
    def _is_user_id(cls, value: str | None) -> str | None:
        return str(_spoken(UserId.parse, value)) if value else None

    @field_validator("model", "session_id")
    @classmethod
    def _is_named(cls, value: str | None) -> str | None:
        return value or None

    @field_validator("images")
    @classmethod
    def _are_few(cls, values: list[str] | None, info: ValidationInfo) -> list[str] | None:
        most = (info.context or {}).get("max_pictures")
        if values is not None and most is not None and len(values) > most:
            raise ValueError(f"at most {most} pictures go with a message")
        return values


class TokenBody(_Body):
    """Whom a token is for, and how long it is to live."""

    user_id: str
    expires_in: Annotated[int, Field(ge=1, le=31_536_000, description="Seconds.")] = 3600

    @field_validator("user_id")
    @classmethod
    def _is_user_id(cls, value: str) -> str:
        return str(_spoken(UserId.parse, value))


def _spoken(parse: Any, value: str) -> Any:
    """Let a refusal of the domain count as this model's own, under the field's name."""
    try:
        return parse(value)
    except AppError as refusal:
        raise ValueError(refusal.detail) from None
