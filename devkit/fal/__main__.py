"""Run the stand-in on its own, until it is interrupted."""

import argparse
import asyncio
import signal

from devkit.fal import FalStandIn


async def run(options: argparse.Namespace) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with FalStandIn(host=options.host, port=options.port, key=options.key) as stand_in:
        for name, value in stand_in.settings.items():
            print(f"{name}={value}")
        print(f"# outputs are delivered from {stand_in.delivery_url}", flush=True)
        await stop.wait()


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devkit.fal", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8098, help="of the queue; 0 takes a free one")
    parser.add_argument("--key", default="stand-in:key")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    asyncio.run(run(parse()))
