"""Phase retrieval by PyNX with soft estimates, for its users. Not run: PyNX is not on PyPI; its source was read (2022.1)."""

import sys

from pynx.cdi import CDI, ER, HIO, AutoCorrelationSupport, SupportUpdate

from braggfill import fill_gaps, read_scan, to_pynx

scan = read_scan(sys.argv[1])
given = to_pynx(fill_gaps(scan.intensity, scan.mask), mode="soft")  # the arrays have their centre at the corner already
cdi = CDI(given.iobs, mask=given.mask)  # mask is None: the array says what is free; no InterpIobsMask afterwards
cdi = AutoCorrelationSupport(threshold=0.1) * cdi
cdi = (SupportUpdate(threshold_relative=0.25) * ER(**given.bounds) ** 50 * HIO(**given.bounds) ** 200) ** 4 * cdi
cdi.save_obj_cxi("object.cxi")
