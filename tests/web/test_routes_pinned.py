"""The whole surface, pinned: a route that comes, goes or opens to somebody else has to be meant."""

import pytest

from app.web import auth
from app.web.auth import Route
from app.web.routes import PICTURE, ROUTES, table

_IMAGE = "/v1/images/hosted/{user}/{image}"
PINNED = [
    ("POST", "/v1/images/generate", "user", "writes"),
    ("POST", "/v1/images/import", "user", "writes"),
    ("GET", _IMAGE, "link", "reads"),
    ("OPTIONS", _IMAGE, "anyone", "reads"),
    ("DELETE", _IMAGE, "user", "writes"),
    ("GET", _IMAGE + "/info", "user", "reads"),
    ("POST", _IMAGE + "/signed-url", "user", "writes"),
    ("GET", "/v1/generations/{generation}", "user", "reads"),
    ("DELETE", "/v1/generations/{generation}", "user", "writes"),
    ("POST", "/v1/webhooks/replicate", "provider", "writes"),
    ("POST", "/v1/webhooks/fal", "provider", "writes"),
    ("GET", "/v1/users/{user}/images", "user", "reads"),
    ("GET", "/v1/users/{user}/usage", "user", "reads"),
    ("GET", "/v1/users/{user}/images.zip", "user", "reads"),
    ("DELETE", "/v1/users/{user}", "user", "writes"),
    ("POST", "/v1/tokens", "service", "writes"),
    ("POST", "/api/uploads/image", "user", "writes"),
    ("GET", "/api/user-assets", "user", "reads"),
    ("POST", "/api/generate", "user", "writes"),
    ("GET", "/api/generate/{generation}", "user", "reads"),
    ("POST", "/api/images", "user", "writes"),
    ("DELETE", "/api/images", "user", "writes"),
    ("POST", "/api/stream-message", "user", "writes"),
    ("DELETE", "/api/stream-message/{stream}", "user", "writes"),
    ("GET", "/api/sessions", "user", "reads"),
    ("GET", "/api/sessions/{session}", "user", "reads"),
    ("DELETE", "/api/sessions/{session}", "user", "writes"),
    ("GET", "/api/sessions/{session}/messages", "user", "reads"),
    ("GET", "/api/images/{id}", "picture", "reads"),
    ("OPTIONS", "/api/images/{id}", "anyone", "reads"),
    ("DELETE", "/api/images/{id}", "user", "writes"),
    ("GET", "/v1/capabilities", "anyone", "reads"),
    ("GET", "/livez", "anyone", None),
    ("GET", "/readyz", "anyone", None),
    ("GET", "/metrics", "monitor", None),
    ("GET", "/openapi.json", "anyone", "reads"),
    ("GET", "/docs", "anyone", "reads"),
    ("GET", "/docs/chat", "anyone", "reads"),
    ("GET", "/dashboard", "anyone", "reads"),
    ("GET", "/assets/{file}", "anyone", "reads"),
]


def test_the_surface_is_this_and_nothing_else() -> None:
    assert [(row.method, row.path, row.open_to.__name__, row.limit) for row in ROUTES] == PINNED


def test_no_route_is_there_twice() -> None:
    assert len({(row.method, row.path) for row in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize("row", ROUTES, ids=lambda row: f"{row.method} {row.path}")
def test_only_probes_are_without_a_limit(row: Route) -> None:
    assert (row.limit is None) == (row.path in {"/livez", "/readyz", "/metrics"})


@pytest.mark.parametrize("row", ROUTES, ids=lambda row: f"{row.method} {row.path}")
def test_what_names_an_owner_is_open_to_that_owner_or_by_a_link(row: Route) -> None:
    assert "{user}" not in row.path or row.method == "OPTIONS" or row.open_to in {auth.user, auth.link}


def test_pictures_of_chats_may_lie_elsewhere_as_well() -> None:
    assert table("/api/images") == ROUTES
    more = table("/pictures")[len(ROUTES) :]
    assert [(row.method, row.path, row.open_to.__name__, row.limit) for row in more] == [
        ("GET", "/pictures/{id}", "user", "reads"),
        ("OPTIONS", "/pictures/{id}", "anyone", "reads"),
        ("DELETE", "/pictures/{id}", "user", "writes"),
    ]
    assert PICTURE in {row.path for row in table("/pictures")}
