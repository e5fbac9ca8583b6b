"""The neighbours, run: each in an environment of its own reads what is written here, goes on with it, and writes for us.

``make peers``, or ``python benchmarks/peers/run.py --work FOLDER --out docs/results/peers.csv``. A marker voxel tells the order
of the axes, a voxel that stays missing the polarity of the mask. An environment that was installed is taken as it is. Ends with
exit code 1 if a step came out otherwise than it should.
"""

import argparse
import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "tests"))

import made_files as made  # noqa: E402 - the layouts that the tests hold the readers against

from braggfill import fill_gaps, retrieve  # noqa: E402
from braggfill.filling.record import write_result  # noqa: E402
from braggfill.retrieval.files import write_crystal  # noqa: E402
from braggfill.scan.files import read_scan  # noqa: E402
from braggfill.scan.formats.contents import JOULES_PER_EV, Geometry  # noqa: E402

PEERS = {
    "cdiutils": (["cdiutils==0.2.1"], []),
    "cohere": (["cohere-core==4.5.4"], []),
    "bcdi": (["numpy<2", "scipy<1.15", "scikit-image<0.25", "h5py", "matplotlib", "pillow"], ["bcdi==0.2.3"]),
    "silx": (["silx==3.1.3", "hdf5plugin"], []),
}
"""What is installed, and what of it without its requirements: bcdi's take half an hour to resolve and its loader needs few."""
MARKER, MISSING = (3, 7, 11), (5, 30, 0)
GEOMETRY = Geometry(9000 * JOULES_PER_EV, 0.83, (55e-6, 55e-6))


def environment(work: Path, name: str) -> Path:
    """The interpreter of a peer's own environment."""
    python, installed = work / name / "bin" / "python", work / name / ".installed"
    if not installed.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(work / name)], check=True)
        plain, alone = PEERS[name]
        for flags, packages in (([], plain), (["--no-deps"], alone)):
            if packages:
                subprocess.run([str(python), "-m", "pip", "install", "--quiet", *flags, *packages], check=True)
        installed.touch()
    return python


def run_side(work: Path, name: str, files: Path) -> list[dict[str, str]]:
    """What a peer does with our files, a row a step; the last one says why it stopped, if it did."""
    try:
        command = [str(environment(work, name)), str(HERE / f"{name}_side.py"), str(files)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except subprocess.CalledProcessError as error:
        return [{"peer": name, "step": "installed", "same": f"exit code {error.returncode}"}]
    rows = [{"peer": name, **json.loads(line)} for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode:
        rows.append({"peer": name, "step": "stopped", "same": (done.stderr.strip() or "without a word").splitlines()[-1]})
    return rows


def write_ours(folder: Path) -> None:
    """A filled scan in every format, its retrieved object, and beamlines' files with what is read of them here."""
    counts = made.counts_of_a_crystal((24, 48, 40), 1e5)
    counts[MARKER] = 54321
    gap = np.zeros(counts.shape, np.uint8)
    gap[:, 34:38] = 1
    gap[:, 18:38, :16] = 1  # too wide to see across: its inside stays missing
    result = fill_gaps(counts, gap, method="linear")
    assert result.mask[MISSING] and not result.filled[MARKER]
    np.savez(folder / "truth.npz", data=result.intensity, mask=result.mask)
    names = {
        "cxi": "f.cxi",
        "npz": "f.npz",
        "cdiutils": "S1_pynx_input_data.npz",
        "bcdi": "S1_pynx.npz",
        "cohere": "prep_data.tif",
    }
    for kind, name in names.items():
        write_result(folder / name, result, "made", kind, GEOMETRY)
    found = retrieve(result.intensity, result.mask, filled=result.filled, std=result.std, coherence="full", starts=1, keep=1)
    write_crystal(folder / "object.npz", found, "made")
    bits = np.zeros((2167, 2070), np.uint32)
    for name, address in {
        "id01": f"{made.id01_file(folder, counts, (12,), 'mpx1x4', 'sample_')}:/sample_12.1",
        "sixs": str(made.sixs_file(folder, counts)),
        "cristal": str(made.cristal_file(folder, counts)),
        "nanomax": str(made.nanomax_file(folder, counts)),
        "p10": str(made.p10_folder(folder, made.embedded(counts[:3], bits.shape, (600, 300)), bits)),
    }.items():
        scan = read_scan(address)
        np.savez(folder / f"read_{name}.npz", data=scan.intensity, energy_ev=scan.geometry.energy_j / JOULES_PER_EV)


def read_theirs(folder: Path) -> list[dict[str, str]]:
    """What peers wrote, read and filled here."""
    truth = np.load(folder / "truth.npz")
    rows = []
    for peer, name in (("cdiutils", "theirs.cxi"), ("cohere", "prep_data_theirs.tif"), ("bcdi", "S2_pynx_theirs.npz")):
        if not (folder / name).exists():
            continue
        scan = read_scan(str(folder / name))
        same = np.array_equal(scan.intensity, truth["data"]) and scan.intensity[MARKER] == 54321
        mask = truth["mask"] if scan.mask is None else scan.mask
        told = "its own" if scan.mask is not None else "none in the file"
        right = scan.mask is None or np.array_equal(np.asarray(scan.mask) > 0, truth["mask"])
        fill_gaps(np.where(truth["mask"], 0, scan.intensity), mask, method="linear", counts_per_unit=1)
        rows.append(
            {"peer": peer, "step": f"its writer's {name} is read and filled here; mask: {told}", "same": str(same and right)}
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("peers"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", choices=[*PEERS], action="append")
    given = parser.parse_args()
    files = given.work / "files"
    shutil.rmtree(files, ignore_errors=True)  # what is written today is what is to be read
    files.mkdir(parents=True)
    write_ours(files)
    rows = [row for name in given.only or PEERS for row in run_side(given.work, name, files)]
    rows += read_theirs(files)
    for row in rows:
        print(" | ".join(row.values()))
    if given.out:
        with given.out.open("w", newline="") as file:
            table = csv.DictWriter(file, ["peer", "step", "same"], lineterminator="\n")
            table.writeheader()
            table.writerows(rows)
    sys.exit(any(row["same"] != "True" for row in rows))


if __name__ == "__main__":
    main()
