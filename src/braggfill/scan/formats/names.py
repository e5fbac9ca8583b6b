"""How formats and their files are named. Quick to import."""

from typing import Literal

HDF5_SUFFIXES = (".h5", ".hdf5", ".cxi", ".nxs")
TIF_SUFFIXES = (".tif", ".tiff")
SPEC_SUFFIX = ".spec"
WITH_PLACES = (*HDF5_SUFFIXES, SPEC_SUFFIX)
"""Of files that hold many things, of which one is named after a colon."""
SUFFIXES = (".npz", ".npy", *HDF5_SUFFIXES, *TIF_SUFFIXES, SPEC_SUFFIX)


FormatName = Literal["npz", "cxi", "cdiutils", "bcdi", "cohere"]
"""The ways of writing a scan; what each is stands in the table of formats."""
