"""Run the stand-in on its own, until it is interrupted."""

import argparse
import asyncio
import signal

from devkit.ollama import BLIND, Behaviour, OllamaStandIn


async def run(options: argparse.Namespace) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    behaviour = Behaviour(loading=options.loading, pace=options.pace)
    async with OllamaStandIn(host=options.host, port=options.port, key=options.key, behaviour=behaviour) as stand_in:
        for name, value in stand_in.settings.items():
            print(f"{name}={value}")
        print(f"# {BLIND} is there too, and cannot see", flush=True)
        await stop.wait()


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devkit.ollama", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8097, help="0 takes a free one")
    parser.add_argument("--key", default=None, help="ask for this key; without it anyone is let in, as at home")
    parser.add_argument("--pace", type=float, default=0.05, help="seconds between two words")
    parser.add_argument("--loading", type=float, default=0.0, help="seconds a model takes to load")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    asyncio.run(run(parse()))
