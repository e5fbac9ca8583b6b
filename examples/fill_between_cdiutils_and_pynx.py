# %% [markdown]
# # Filling gaps between cdiutils and PyNX
#
# cdiutils' preprocessing leaves two files for PyNX: `S12_pynx_input_data.npz` and `S12_pynx_input_mask.npz`. Here they are
# read, the gaps are filled, and the same two files are written for PyNX, with every estimate marked. Start with your own pair
# in place of the bundled scan.

# %%
import tempfile
from pathlib import Path

import numpy as np

import braggfill

folder = Path(tempfile.mkdtemp())
examples = next(p / "examples" for p in (Path.cwd(), *Path.cwd().parents) if (p / "examples" / "demo_scan.npz").exists())
with np.load(examples / "demo_scan.npz") as scan:  # in place of BcdiPipeline.preprocess()
    data = scan["data"][20:64, 36:120, 8:92]
    np.savez(folder / "S12_pynx_input_data.npz", data=data)
    np.savez(folder / "S12_pynx_input_mask.npz", data=np.broadcast_to(scan["mask"][36:120, 8:92], data.shape))

# %% [markdown]
# The mask is found beside the data. 1 means not measured.

# %%
scan = braggfill.read_scan(str(folder / "S12_pynx_input_data.npz"))
print(scan.intensity.shape, f"{100 * np.mean(scan.mask > 0):.1f} % not measured")

# %% [markdown]
# If the preprocessing did not know the detector, its gaps come by name; `roi` is the place of the crop in the full frame.

# %%
rows, columns = scan.intensity.shape[1:]
gaps = braggfill.detector_mask("maxipix", (rows, columns), roi=(200, 190))
print(gaps.all(1).sum(), "rows and", gaps.all(0).sum(), "columns would be missing there")

# %% [markdown]
# ## Filling
#
# Measured voxels stay as they are, to the bit. The result shows itself.

# %%
result = braggfill.fill_gaps(scan.intensity, scan.mask)
result

# %% [markdown]
# ## Is it right?
#
# Gaps like the scan's own are cut elsewhere, where its counts are known. The arms of this small crop pass within eleven voxels
# of the peak, the hardest place there is: do not expect praise.

# %%
verdict = braggfill.evaluate(scan.intensity, scan.mask, baselines=("linear",))
print(verdict.advice)

# %% [markdown]
# ## On to PyNX
#
# From files, estimates stand for measurements, and the mask holds what is still missing. Do not use `mask_interp` then.

# %%
braggfill.write_result(folder / "S12_filled_pynx_input_data.npz", result, scan.name, "cdiutils")
braggfill.write_result(folder / "S12_filled.cxi", result, scan.name, "cxi")
print(*sorted(p.name for p in folder.glob("*filled*")), sep="\n")

# %% [markdown]
# In Python, PyNX can be held to an interval instead of a number. These arrays go into `CDI(given.iobs, mask=given.mask)` and
# the bounds into `ER(**given.bounds)`, `HIO(**given.bounds)`.

# %%
given = braggfill.to_pynx(result, mode="soft")
print(given.iobs.shape, given.bounds)

# %% [markdown]
# ## For a sceptic
#
# One page with the slices, the gaps and how it was made, to be mailed.

# %%
braggfill.write_report(folder / "S12.html", result, scan.name, self_test=False)
print(f"{(folder / 'S12.html').stat().st_size / 1e6:.1f} MB")
