"""What is shown of several processes that count into files of one folder: their sums.

The library writes to the files if $PROMETHEUS_MULTIPROC_DIR names the folder when it is imported.  What it cannot add
up, facts of one process, is left out.
"""

from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead


def sums(folder: Path) -> CollectorRegistry:
    """Return what shows the sums of all that was counted in *folder*, by the living and the dead."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]  # the library's gap
    return registry


def be_counted(registry: CollectorRegistry) -> None:
    """Count this process among those that answer."""
    gauge = Gauge(
        "holdfast_processes", "Processes that answer requests.", registry=registry, multiprocess_mode="livesum"
    )
    gauge.set(1)


def forget(folder: Path, pid: int) -> None:
    """Count a process that has died no longer; what it has counted stays."""
    mark_process_dead(pid, path=str(folder))  # type: ignore[no-untyped-call]  # the library's gap
