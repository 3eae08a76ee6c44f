"""Nothing that opens a door is ever in the log, whatever goes wrong on the way."""

import base64
import json
from pathlib import Path

from devkit.replicate import ApiFault, Behaviour, DeliveryFault, ReplicateStandIn
from tests.support.command import environment_of
from tests.support.pictures import png
from tests.support.processes import ServiceProcess, service_process

KEY, METRICS = "canary-service-key-aaaa", "canary-metrics-token-bbbb"
SIGNING, WEBHOOK = "canary-signing-key-cccc", "whsec_" + base64.b64encode(b"canary-webhook-secret-dd").decode()
PROVIDER = "r8_canary_provider_token_eeee"
PICTURE = base64.b64encode(png(seed=7)).decode()
AUTH = {"Authorization": f"Bearer {KEY}"}
BODY = {"user_id": "ana", "model": "acme/painter", "input": {"prompt": "a canary in a coal mine"}, "wait": 5}


async def ask(server: ServiceProcess, method: str, path: str, **more: object) -> str:
    """Send a request with the service key and return the answer's text."""
    headers = {**AUTH, **more.pop("headers", {})}  # type: ignore[dict-item]
    async with server.http.request(method, path, headers=headers, allow_redirects=False, **more) as response:
        text = (await response.read()).decode(errors="replace")
    assert not any(secret in text for secret in (PROVIDER, SIGNING, WEBHOOK, METRICS))
    return text


async def provider_failures(server: ServiceProcess, replicate: ReplicateStandIn) -> None:
    echo = {"detail": f"Token {PROVIDER} is not valid", "status": 401}
    replicate.api_faults.add(ApiFault(on="create", status=401, body=echo))
    await ask(server, "POST", "/v1/images/generate", json=BODY)
    replicate.api_faults.add(ApiFault(on="create", status=500, body=f"Authorization: Bearer {PROVIDER}"))
    await ask(server, "POST", "/v1/images/generate", json=BODY)
    replicate.api_faults.add(ApiFault(on="create", drop=True))
    await ask(server, "POST", "/v1/images/generate", json=BODY)
    replicate.behaviours["acme/painter"] = Behaviour(ending="failed", error="boom")
    await ask(server, "POST", "/v1/images/generate", json=BODY)
    replicate.behaviours.clear()


async def sources_that_fail(server: ServiceProcess, replicate: ReplicateStandIn) -> None:
    replicate.delivery_faults.add(DeliveryFault(status=404))
    url = f"{replicate.delivery_url}/x.png?token=canary-in-a-query-ffff"
    for source in (url, "http://canary-user:canary-password-gggg@127.0.0.1/x.png", f"data:image/png;base64,{PICTURE}"):
        await ask(server, "POST", "/v1/images/import", json={"user_id": "ana", "url": source, "wait": 5})
    await ask(server, "POST", "/v1/images/import", json={"user_id": "ana", "url": f"data:image/png;base64,{PICTURE}x"})


async def doors(server: ServiceProcess) -> list[str]:
    """Open every kind of door, and return what opened them."""
    token = json.loads(await ask(server, "POST", "/v1/tokens", json={"user_id": "ana"}))["token"]
    listed = json.loads(await ask(server, "GET", "/v1/users/ana/images"))
    path = f"/v1/images/hosted/ana/{listed['images'][0]['id']}"
    link = json.loads(await ask(server, "POST", path + "/signed-url", json={}))["url"]
    signature = link.partition("signature=")[2]
    await ask(server, "GET", link, headers={"Authorization": f"Bearer {token}"})
    await ask(server, "GET", f"{path}?expires=1&signature={signature}")
    await ask(server, "GET", "/metrics", headers={"Authorization": f"Bearer {METRICS}"})
    await ask(
        server, "GET", f"/v1/users/ana/usage?api_key={KEY}", headers={"Authorization": "Bearer canary-guess-hhhh"}
    )
    signed = {"webhook-id": "msg", "webhook-timestamp": "1", "webhook-signature": "v1,Y2FuYXJ5LXNpZ25hdHVyZQ=="}
    await ask(server, "POST", "/v1/webhooks/replicate", json={"id": "x"}, headers=signed)
    return [token, signature, "canary-guess-hhhh"]


async def test_no_secret_is_in_the_log_of_a_day_full_of_failures(tmp_path: Path) -> None:
    async with ReplicateStandIn(token=PROVIDER, webhook_secret=WEBHOOK) as replicate:
        settings = {
            "PORT": "0",
            "LOG_LEVEL": "debug",
            "API_KEYS": KEY,
            "SIGNING_KEYS": SIGNING,
            "METRICS_TOKEN": METRICS,
            "REPLICATE_WEBHOOK_SECRET": WEBHOOK,
            "REPLICATE_API_TOKEN": PROVIDER,
            "REPLICATE_BASE_URL": replicate.base_url,
            "SOURCE_HOST_ALLOWLIST": "127.0.0.1",
            "IMAGE_ACCESS": "signed",
        }
        async with service_process(environment_of(tmp_path, settings), tmp_path / "log") as server:
            await ask(server, "POST", "/v1/images/generate", json=BODY)
            await provider_failures(server, replicate)
            await sources_that_fail(server, replicate)
            opened = await doors(server)
    log = (tmp_path / "log").read_text()
    payload = PICTURE[100:140]
    secrets = [KEY, METRICS, SIGNING, WEBHOOK, WEBHOOK.removeprefix("whsec_"), PROVIDER, payload, *opened]
    secrets += ["canary-in-a-query-ffff", "canary-password-gggg"]
    assert [secret for secret in secrets if secret in log] == []
    assert len(log.splitlines()) > 20
    assert all(json.loads(line) for line in log.splitlines())
