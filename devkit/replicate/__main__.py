"""Run the stand-in on its own, until it is interrupted."""

import argparse
import asyncio
import signal

from devkit.replicate import ReplicateStandIn


async def run(options: argparse.Namespace) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stand_in = ReplicateStandIn(
        host=options.host, port=options.port, delivery_port=options.delivery_port, token=options.token
    )
    async with stand_in:
        print(f"REPLICATE_BASE_URL={stand_in.base_url}")
        print(f"REPLICATE_API_TOKEN={stand_in.token}")
        print(f"REPLICATE_WEBHOOK_SECRET={stand_in.webhook_secret}")
        print(f"# outputs are delivered from {stand_in.delivery_url}", flush=True)
        await stop.wait()


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devkit.replicate", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8099, help="of the API; 0 takes a free one")
    parser.add_argument("--delivery-port", type=int, default=0, help="of the delivery host")
    parser.add_argument("--token", default="r8_stand_in")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    asyncio.run(run(parse()))
