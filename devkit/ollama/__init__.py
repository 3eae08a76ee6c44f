"""A stand-in for Ollama: its API, models that look at the pictures they are sent, a clock and faults.

    async with OllamaStandIn() as ollama:
        ...  # point a client at ollama.base_url and talk to SEEING
        ollama.chats[0].pictures  # what arrived, opened

`python -m devkit.ollama --port 8097` runs it on its own; `POST /_control/behaviour` then changes how its models are.
"""

from devkit.ollama.behaviour import Behaviour, Ending
from devkit.ollama.chats import Chat, Message
from devkit.ollama.looking import Picture
from devkit.ollama.models import BLIND, SEEING, THINKING, Model
from devkit.ollama.standin import OllamaStandIn
from devkit.replicate.faults import ApiFault

__all__ = [
    "BLIND",
    "SEEING",
    "THINKING",
    "ApiFault",
    "Behaviour",
    "Chat",
    "Ending",
    "Message",
    "Model",
    "OllamaStandIn",
    "Picture",
]
