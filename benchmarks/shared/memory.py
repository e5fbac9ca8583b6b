"""The most memory that a process held since some moment, as Linux counts it."""

from pathlib import Path

KIB = 1024


def resident_kib(field: str) -> int:
    """VmRSS (now) or VmHWM (peak) of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


class PeakMemory:
    """Bytes that this process held at most beyond what it held when this was made."""

    def __init__(self) -> None:
        self.before = resident_kib("VmRSS")

    def forget(self) -> None:
        """Forget the peak so far."""
        Path("/proc/self/clear_refs").write_text("5")

    def held(self) -> int:
        """Bytes, at the peak since it was last forgotten."""
        return (resident_kib("VmHWM") - self.before) * KIB
