"""braggfill: fills the detector gaps of Bragg coherent diffraction patterns and says how sure it is of every voxel.

The public names stand in ``__init__.pyi``, each beside its home, and are imported when first asked for.
"""

import lazy_loader

from braggfill.base.version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
