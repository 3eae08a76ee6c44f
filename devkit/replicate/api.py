"""The prediction calls of the API."""

from datetime import UTC, datetime, timedelta

from aiohttp import web
from yarl import URL

from devkit.replicate.behaviour import Sync
from devkit.replicate.document import document
from devkit.replicate.prediction import Prediction
from devkit.replicate.problems import invalid
from devkit.replicate.registry import Query, Registry
from devkit.replicate.requests import Wish, read_wish
from devkit.replicate.webhooks import WebhookSender


class PredictionApi:
    def __init__(self, registry: Registry, webhooks: WebhookSender) -> None:
        self._registry = registry
        self._clock = registry.clock
        self._webhooks = webhooks

    def routes(self) -> list[web.RouteDef]:
        one = "/v1/predictions/{id}"
        return [
            web.post("/v1/predictions", self._create),
            web.post("/v1/{kind:models|deployments}/{owner}/{name}/predictions", self._create),
            web.get("/v1/predictions", self._list),
            web.get(one, self._get),
            web.post(one + "/cancel", self._cancel),
        ]

    async def _create(self, request: web.Request) -> web.Response:
        wish = await read_wish(request)
        prediction = self._registry.create(wish, origin=str(request.url.origin()))
        self._webhooks.follow(prediction)
        headers = {"Preference-Applied": wish.prefer} if wish.prefer else {}
        moment = await self._moment_to_answer(prediction, wish)
        inline = wish.wait is not None and prediction.behaviour.sync is Sync.DATA_URI
        return web.json_response(
            document(prediction, moment, inline=inline),
            status=prediction.behaviour.answer_status,
            headers=headers,
        )

    async def _moment_to_answer(self, prediction: Prediction, wish: Wish) -> datetime:
        """Wait as the client prefers, and return the moment its answer describes.

        A wait that runs out is answered as things were at the start, whatever has happened since.
        """
        sync = prediction.behaviour.sync
        if wish.wait is None or sync is Sync.TIMED_OUT:
            return prediction.created_at
        patience = prediction.created_at + timedelta(seconds=wish.wait)

        def settled() -> datetime:
            return prediction.end.moment if sync is Sync.SUCCEEDED else prediction.settles_at

        await self._clock.until(lambda: min(settled(), patience))
        return settled() if settled() <= patience else prediction.created_at

    async def _get(self, request: web.Request) -> web.Response:
        prediction = self._registry.get(request.match_info["id"])
        return web.json_response(document(prediction, self._clock()))

    async def _cancel(self, request: web.Request) -> web.Response:
        prediction = self._registry.get(request.match_info["id"])
        self._registry.cancel(prediction)
        return web.json_response(document(prediction, self._clock()))

    async def _list(self, request: web.Request) -> web.Response:
        page = self._registry.page(
            Query(
                created_after=_moment(request, "created_after"),
                created_before=_moment(request, "created_before"),
                source=request.query.get("source"),
                cursor=request.query.get("cursor"),
            )
        )
        now = self._clock()
        return web.json_response(
            {
                "next": _page_url(request.url, page.next),
                "previous": _page_url(request.url, page.previous),
                "results": [document(prediction, now) for prediction in page.results],
            }
        )


def _moment(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"{name} is not a valid ISO 8601 date-time.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _page_url(url: URL, cursor: str | None) -> str | None:
    return None if cursor is None else str(url.update_query(cursor=cursor))
