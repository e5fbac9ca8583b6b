"""Memory that is free but was kept: glibc holds on to freed blocks of up to 32 MB, which adds up to several scans."""

import ctypes
from contextlib import suppress

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""What glibc's ``mallopt`` calls the free memory that it keeps at its end, and the blocks from which on it keeps none."""
KEPT_BYTES, LARGEST_KEPT_BYTES = 2**26, 9 * 2**20
"""The same as they are set: all blocks of a scan of 128³ are smaller, those of a large scan that add up are larger."""


def give_back() -> None:
    """Return freed memory to the system, where the C library can (glibc's ``malloc_trim``); elsewhere nothing happens."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def return_large_blocks() -> None:
    """Let large blocks be returned whenever they are freed, in all of this process: between smaller ones they leave holes.

    glibc would else raise what it keeps to 32 MB by itself. For a program's own process only, and for few large steps: where
    arrays are made and freed all the time, asking for them again costs more than the arithmetic.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(TRIM_THRESHOLD, KEPT_BYTES)
        library.mallopt(MMAP_THRESHOLD, LARGEST_KEPT_BYTES)
