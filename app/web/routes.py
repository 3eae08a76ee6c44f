"""The whole surface: every path, what answers it, whom it is open to, and which rate it counts against."""

from app.web.auth import READS, WRITES, Route, anyone, link, monitor, picture, provider, route, service, user
from app.web.handlers import (
    assets,
    chat,
    forwarding,
    generations,
    images,
    operations,
    pages,
    pictures,
    sessions,
    temporary,
    users,
    webhooks,
)

HOSTED = "/v1/images/hosted/{user}/{image}"
PICTURE = "/api/images/{id}"

# fmt: off
ROUTES = (
    #     method     path                                handler                 open to   (GET answers HEAD as well)
    route("POST",    "/v1/images/generate",              generations.create,     user,     limit=WRITES),
    route("POST",    "/v1/images/import",                images.import_,         user,     limit=WRITES),
    route("GET",     HOSTED,                             images.show,            link,     limit=READS),
    route("OPTIONS", HOSTED,                             images.options,         anyone,   limit=READS),
    route("DELETE",  HOSTED,                             images.delete,          user,     limit=WRITES),
    route("GET",     HOSTED + "/info",                   images.info,            user,     limit=READS),
    route("POST",    HOSTED + "/signed-url",             images.sign,            user,     limit=WRITES),
    route("GET",     "/v1/generations/{generation}",     generations.show,       user,     limit=READS),
    route("DELETE",  "/v1/generations/{generation}",     generations.cancel,     user,     limit=WRITES),
    route("POST",    "/v1/webhooks/replicate",           webhooks.replicate,     provider, limit=WRITES),
    route("POST",    "/v1/webhooks/fal",                 webhooks.fal,           provider, limit=WRITES),
    route("GET",     "/v1/users/{user}/images",          users.images,           user,     limit=READS),
    route("GET",     "/v1/users/{user}/usage",           users.usage,            user,     limit=READS),
    route("GET",     "/v1/users/{user}/images.zip",      users.archive,          user,     limit=READS),
    route("DELETE",  "/v1/users/{user}",                 users.erase,            user,     limit=WRITES),
    route("POST",    "/v1/tokens",                       users.token,            service,  limit=WRITES),
    route("POST",    "/api/uploads/image",               assets.upload,          user,     limit=WRITES),
    route("GET",     "/api/user-assets",                 assets.latest,          user,     limit=READS),
    route("POST",    "/api/generate",                    forwarding.create,      user,     limit=WRITES),
    route("GET",     "/api/generate/{generation}",       forwarding.show,        user,     limit=READS),
    route("POST",    "/api/images",                      temporary.create,       user,     limit=WRITES),
    route("DELETE",  "/api/images",                      temporary.delete_many,  user,     limit=WRITES),
    route("POST",    "/api/stream-message",              chat.say,               user,     limit=WRITES),
    route("DELETE",  "/api/stream-message/{stream}",     chat.stop,              user,     limit=WRITES),
    route("GET",     "/api/sessions",                    sessions.latest,        user,     limit=READS),
    route("GET",     "/api/sessions/{session}",          sessions.show,          user,     limit=READS),
    route("DELETE",  "/api/sessions/{session}",          sessions.delete,        user,     limit=WRITES),
    route("GET",     "/api/sessions/{session}/messages", sessions.messages,      user,     limit=READS),
    route("GET",     PICTURE,                            pictures.show,          picture,  limit=READS),
    route("OPTIONS", PICTURE,                            pictures.options,       anyone,   limit=READS),
    route("DELETE",  PICTURE,                            pictures.delete,        user,     limit=WRITES),
    route("GET",     "/v1/capabilities",                 operations.capabilities, anyone,  limit=READS),
    route("GET",     "/livez",                           operations.live,        anyone),
    route("GET",     "/readyz",                          operations.ready,       anyone),
    route("GET",     "/metrics",                         operations.metrics,     monitor),
    route("GET",     "/openapi.json",                    operations.openapi,     anyone,   limit=READS),
    route("GET",     "/docs",                            pages.docs,             anyone,   limit=READS),
    route("GET",     "/docs/chat",                       pages.chat,             anyone,   limit=READS),
    route("GET",     "/dashboard",                       pages.dashboard,        anyone,   limit=READS),
    route("GET",     "/assets/{file}",                   pages.asset,            anyone,   limit=READS),
)
# fmt: on


def table(serve_path: str) -> tuple[Route, ...]:
    """Return all routes where pictures of chats are served below *serve_path*; temporary images stay where they are."""
    path = f"{serve_path}/{{id}}"
    if path == PICTURE:
        return ROUTES
    return (
        *ROUTES,
        route("GET", path, pictures.show_private, user, limit=READS),
        route("OPTIONS", path, pictures.options, anyone, limit=READS),
        route("DELETE", path, pictures.delete_private, user, limit=WRITES),
    )
