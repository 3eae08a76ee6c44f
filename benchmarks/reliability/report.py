"""What an instrument has tried and what it has found."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Report:
    """*tried* counts *unit*; *findings* are broken promises, in words.  *skipped* names what the machine lacks."""

    name: str
    unit: str
    tried: int = 0
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: str | None = None

    @property
    def holds(self) -> bool:
        return not self.findings

    def __str__(self) -> str:
        if self.skipped:
            return f"| {self.name} | skipped: {self.skipped} | | |"
        rate = f"{self.tried / self.seconds:.1f}/s" if self.seconds else ""
        verdict = "holds" if self.holds else f"BROKEN: {len(self.findings)}"
        return f"| {self.name} | {self.tried:,} {self.unit} | {rate} | {verdict} |"

    def details(self, *, limit: int = 12) -> list[str]:
        """Return the notes and the first findings, the same ones counted once."""
        counted = Counter(self.findings).most_common()
        lines = [f"  {note}" for note in self.notes]
        lines += [f"  BROKEN: {words}" + (f"  (x {times})" if times > 1 else "") for words, times in counted[:limit]]
        return lines + ([f"  ... and {len(counted) - limit} others"] if len(counted) > limit else [])


HEADING = "| instrument | tried | speed | |\n| --- | --- | --- | --- |"
