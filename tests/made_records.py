"""Records of fills by the crystal that were not made."""

from braggfill.crystal.record import Climbed, CrystalOptions, CrystalRecord


def record_of(*misfits):
    """Of ends with such misfits over that of noise."""
    ends = (Climbed(n, 1.0, m, 1.0, 0.0, None, 0.1, 0.1, 9.0, (1.0, 1.0, 1.0), 0.0, 0.1, 0.0) for n, m in enumerate(misfits))
    return CrystalRecord(CrystalOptions(), 0.5, (1.0,), tuple(ends), (0.0,), 1.0)
