"""Saying where we are: a line of the log for machines, a few words for a person at a terminal."""

import logging
import sys

from yarl import URL

from app.config import Settings

log = logging.getLogger(__name__)


def announce(settings: Settings, port: int) -> None:
    """Say that requests are answered at *port*."""
    here = settings.public_base_url or str(URL.build(scheme="http", host=settings.host or "localhost", port=port))
    log.info("listening on %s", here, extra={"port": port, "images": str(settings.image_storage_path)})
    if sys.stderr.isatty():
        sys.stderr.write(
            f"\n  Holdfast is at {here} (images in {settings.image_storage_path}).\n"
            f"  Try:  curl {here}/readyz\n"
            f"        curl {here}/v1/images/import -H 'Content-Type: application/json' \\\n"
            '             -d \'{"user_id": "ana", "url": "https://replicate.delivery/…/out-0.png"}\'\n'
            "  Or see it all, with a provider that forgets: make demo\n\n"
        )
