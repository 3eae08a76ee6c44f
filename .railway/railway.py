"""What Railway runs: `railway config plan --file .railway/railway.py` shows it, `apply` makes it so.

Set OWNER/REPO first.  `preserve()` leaves a variable as it is set in the dashboard: no secret is written here.
"""

from typing import Any

from railway_sdk import define_railway, github, preserve, project, service, volume


@define_railway
def main(ctx: Any = None) -> Any:  # noqa: ARG001 - the SDK passes it
    images = volume("images", region="us-west2", sizeMB=5120)
    holdfast = service(
        "holdfast",
        source=github("OWNER/REPO"),
        build={"builder": "DOCKERFILE", "dockerfilePath": "Dockerfile"},
        healthcheck="/readyz",
        healthcheckTimeout=120,
        replicas=1,
        deploy={
            "restartPolicyType": "ALWAYS",
            "drainingSeconds": 30,
            "overlapSeconds": 0,
            "requiredMountPath": "/data",
        },
        volumeMounts={"/data": images},
        env={
            "API_KEYS": preserve(),
            "SIGNING_KEYS": preserve(),
            "METRICS_TOKEN": preserve(),
            "REPLICATE_API_TOKEN": preserve(),
            "REPLICATE_WEBHOOK_SECRET": preserve(),
            "CLIENT_ADDRESS_HEADER": "X-Real-IP",
        },
    )
    return project("holdfast", resources=[holdfast, images])
