"""How many connections the process may have open at once, as far as its descriptors go."""

import resource

_EACH = 2
"""A connection, and the file it is being sent."""

_RESERVE = 256
"""The catalog, staging files, downloads, decoders, what is turned away."""


def room_for(connections: int) -> int:
    """Return how many of *connections* fit, having raised the soft limit of open files as far as that takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections * _EACH + _RESERVE
    if 0 <= soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return connections
    return max(1, min(connections, (soft - _RESERVE) // _EACH))
