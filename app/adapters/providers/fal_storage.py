"""fal's storage for inputs: an upload is announced with the key, and then put where the answer says, without it."""

from http import HTTPStatus

from yarl import URL

from app.adapters.providers.answers import members_of
from app.adapters.providers.exchange import Answer, Exchange, NoAnswer, NotSent, encoded
from app.adapters.providers.fal_refusals import FalRefusals
from app.domain.errors import ProviderAnswerLost, ProviderNotConfigured, ProviderUnreachable
from app.domain.ports import Clock
from app.domain.temporary import SERVED_TYPES

_LARGEST_ANSWER = 64 * 1024
_PATIENCE_SECONDS = 30.0
_UNREADABLE = "The answer of fal's storage cannot be read."


class FalStorage:
    """*rest_url* is the origin of fal's REST API.  *allow_http* takes addresses that only a stand-in gives."""

    def __init__(self, *, rest_url: str, key: str | None, clock: Clock, allow_http: bool = False) -> None:
        self._initiate = URL(rest_url.rstrip("/")) / "storage" / "upload" / "initiate"
        self._key = key
        self._schemes = {"https", "http"} if allow_http else {"https"}
        self._refusals = FalRefusals(clock=clock, key=key)
        # Without the key: the address an upload goes to is somebody's answer.
        self._exchange = Exchange(
            largest_answer=_LARGEST_ANSWER,
        )

    async def keep(self, content: bytes, *, content_type: str) -> str:
        if self._key is None:
            raise ProviderNotConfigured("No key for fal is configured.")
        body = await encoded({"content_type": content_type, "file_name": f"input.{_extension(content_type)}"})
        headers = {"Authorization": f"Key {self._key}", "Content-Type": "application/json"}
        url = self._initiate.with_query(storage_type="fal-cdn-v3")
        members = await members_of(await self._send("POST", url, headers, body))
        target, address = self._address(members.get("upload_url")), self._address(members.get("file_url"))
        await self._send("PUT", target, {"Content-Type": content_type}, content)
        return str(address)

    async def aclose(self) -> None:
        await self._exchange.aclose()

    async def _send(self, method: str, url: URL, headers: dict[str, str], body: bytes) -> Answer:
        """Return an answer that is a success.  Nothing was started by one that is not, nor by one that is lost."""
        try:
            answer = await self._exchange.send(method, url, patience=_PATIENCE_SECONDS, headers=headers, body=body)
        except (NotSent, NoAnswer) as exc:
            raise ProviderUnreachable("fal's storage cannot be reached.") from exc
        if answer.is_success:
            return answer
        refusal = await self._refusals.of_create(answer)
        is_unclear = isinstance(refusal, ProviderAnswerLost) or answer.status == HTTPStatus.NOT_FOUND
        raise ProviderUnreachable(refusal.detail) if is_unclear else refusal

    def _address(self, value: object) -> URL:
        try:
            url = URL(value, encoded=True) if isinstance(value, str) else None
        except ValueError:
            url = None
        if url is None or url.scheme not in self._schemes or not url.host:
            raise ProviderUnreachable(_UNREADABLE)
        return url


def _extension(content_type: str) -> str:
    # Models guess what a file is by its name.
    return next((name for name, known in SERVED_TYPES.items() if known == content_type), "bin")
