"""Files as beamlines and detectors leave them, made small: the layouts that their readers are held against.

Each function writes one kind of file or folder from frames (frames, rows, columns) and returns the address that a user gives.
"""

import sys
from pathlib import Path

import h5py
import numpy as np
import tifffile

ENERGY_KEV = 8.5
DISTANCE_M = 1.83
PIXEL_M = 75e-6


def counts_of_a_crystal(shape=(12, 40, 36), peak_counts=2e4, seed=0) -> np.ndarray:
    """Whole counts of a brick-shaped crystal: the analytic pattern of a parallelepiped, drawn once."""
    axes = np.ogrid[tuple(slice(-(n // 2), n - n // 2) for n in shape)]
    expected = peak_counts * np.prod(np.broadcast_arrays(*(np.sinc(a / 5.5) ** 2 for a in axes)), axis=0) + 0.3
    return np.random.default_rng(seed).poisson(expected).astype(np.uint32)


def eiger_master(folder: Path, counts: np.ndarray, bits: np.ndarray, per_file: int = 5, stem: str = "scan_00012") -> Path:
    """A DECTRIS master: external links to files of frames, the largest integer where a pixel is bad, a mask of bits."""
    raw = np.where(bits > 0, np.iinfo(np.uint32).max, counts).astype(np.uint32)
    master = folder / f"{stem}_master.h5"
    with h5py.File(master, "w") as file:
        data = file.create_group("entry/data")
        for number, first in enumerate(range(0, len(raw), per_file), 1):
            name = f"{stem}_data_{number:06d}.h5"
            with h5py.File(folder / name, "w") as part:
                part.create_dataset("entry/data/data", data=raw[first : first + per_file], chunks=(1, *raw.shape[1:]))
            data[f"data_{number:06d}"] = h5py.ExternalLink(name, "entry/data/data")
        detector = file.create_group("entry/instrument/detector")
        detector["detectorSpecific/pixel_mask"] = bits.astype(np.uint32)
        detector["detectorSpecific/photon_energy"] = ENERGY_KEV * 1e3
        detector["detector_distance"] = DISTANCE_M
        detector["x_pixel_size"] = detector["y_pixel_size"] = PIXEL_M
        detector["detector_distance"].attrs["units"] = "m"
    return master


def id01_file(folder: Path, counts: np.ndarray, scans=(12,), detector="mpx1x4", sample="") -> Path:
    """A file of BLISS: a group a scan, whose measurement leads to frames in a file of LIMA as a virtual dataset."""
    with h5py.File(folder / "id01_dataset.h5", "w") as file:
        for number in scans:
            with h5py.File(folder / f"{detector}_{number:04d}.h5", "w") as lima:
                lima.create_dataset("entry_0000/measurement/data", data=counts + number, chunks=(1, *counts.shape[1:]))
            layout = h5py.VirtualLayout(counts.shape, counts.dtype)
            layout[:] = h5py.VirtualSource(f"{detector}_{number:04d}.h5", "entry_0000/measurement/data", counts.shape)
            scan = file.create_group(f"{sample}{number}.1")
            device = scan.create_group(f"instrument/{detector}")
            device.create_virtual_dataset("data", layout)
            device["distance"], device["x_pixel_size"], device["y_pixel_size"] = DISTANCE_M, 55e-6, 55e-6
            scan["instrument/positioners/mononrj"] = ENERGY_KEV
            scan["instrument/positioners/eta"] = np.linspace(16, 17, len(counts))
            scan[f"measurement/{detector}"] = h5py.SoftLink(f"{device.name}/data")
            scan["measurement/mon"] = np.ones(len(counts))
    return folder / "id01_dataset.h5"


def id01_spec(folder: Path, counts: np.ndarray, scans=(12,), suffix=".edf.gz", told="/data/id01/inhouse/detector/mpx4") -> Path:
    """A SPEC file of ID01 before BLISS: the images lie where its folder was moved to with them, numbered through all scans."""
    from fabio.edfimage import EdfImage

    images = folder / "detector" / "mpx4"
    images.mkdir(parents=True)
    lines, next_image = ["#F align.spec", "#E 1400000000", "#D Tue May 13 16:53:20 2014", "#O0 Eta  Mu", ""], 95
    for scan in scans:
        lines += [f"#S {scan} dscan eta -0.5 0.5 {len(counts) - 1} 1", "#D Tue May 13 16:53:20 2014", "#P0 17.0 0.0"]
        lines += [f"#UMONO mononrj={ENERGY_KEV}keV,mononrjunit=keV", f"#ULIMA_mpx4 {told}/align_mpx4_{next_image:05d}{suffix}"]
        lines += [f"#UDETCALIB cen_pix_x=11.195,pixperdeg=455.2,det_distance_CC={DISTANCE_M},det_distance_COM=1.2"]
        lines += ["#N 4", "#L eta  Seconds  mpx4inr  exp1"]
        for frame in counts:
            EdfImage(data=(frame + scan).astype(np.int32)).write(str(images / f"align_mpx4_{next_image:05d}{suffix}"))
            lines.append(f"{17 + 0.01 * next_image:.4f} 1 {next_image} 10234")
            next_image += 1
        lines.append("")
    (folder / "align.spec").write_text("\n".join(lines))
    return folder / "align.spec"


def sixs_file(folder: Path, counts: np.ndarray) -> Path:
    """A NeXus file of SixS: numbered data of all devices, one of which is the frames."""
    with h5py.File(folder / "spare_ascan_mu_00012.nxs", "w") as file:
        scan = file.create_group("com")
        scan["scan_data/data_01"], scan["scan_data/actuator_1_1"] = np.ones(len(counts)), np.linspace(9, 10, len(counts))
        scan["scan_data/data_02"] = counts
        scan["SIXS/i14-c-c02-op-mono/energy"] = np.array([ENERGY_KEV])
    return folder / "spare_ascan_mu_00012.nxs"


def cristal_file(folder: Path, counts: np.ndarray) -> Path:
    """A NeXus file of Cristal: the experiment's number is the name of its group."""
    with h5py.File(folder / "S12.nxs", "w") as file:
        scan = file.create_group("exp_0012")
        scan["scan_data/data_04"], scan["scan_data/actuator_1_1"] = np.ones(len(counts)), np.linspace(9, 10, len(counts))
        scan["scan_data/data_06"] = counts
        scan["CRISTAL/Monochromator/energy"] = np.array([ENERGY_KEV])
        scan["scan_config/name"] = "mgomega"
    return folder / "S12.nxs"


def nanomax_file(folder: Path, counts: np.ndarray, detector="merlin", stack="frames") -> Path:
    """A file of NanoMAX: the frames of the detector in the measurement, the energy in a snapshot."""
    with h5py.File(folder / "000012.h5", "w") as file:
        file[f"entry/measurement/{detector}/{stack}"] = counts
        file["entry/measurement/gontheta"] = np.linspace(9, 10, len(counts))
        file["entry/measurement/alba2/channel1"] = np.ones(len(counts))
        file["entry/snapshots/post_scan/energy"] = np.array([ENERGY_KEV * 1e3])
    return folder / "000012.h5"


def lambda_master(folder: Path, counts: np.ndarray, bits: np.ndarray) -> Path:
    """A master of a Lambda detector: a virtual dataset over a file a module, side by side, with its mask of bits."""
    left, width = counts.shape[2] // 2, counts.shape[2]
    layout = h5py.VirtualLayout(counts.shape, counts.dtype)
    for number, columns in enumerate((slice(0, left), slice(left, width)), 1):
        with h5py.File(folder / f"scan_m{number:02d}.nxs", "w") as part:
            part["entry/instrument/detector/data"] = module = counts[:, :, columns]
        layout[:, :, columns] = h5py.VirtualSource(f"scan_m{number:02d}.nxs", "entry/instrument/detector/data", module.shape)
    with h5py.File(folder / "scan_master.nxs", "w") as file:
        detector = file.create_group("entry/instrument/detector")
        detector.create_virtual_dataset("data", layout)
        detector["pixel_mask"] = bits.astype(np.uint32)
        detector["distance"], detector["x_pixel_size"], detector["y_pixel_size"] = DISTANCE_M * 1e3, 55.0, 55.0
        detector["distance"].attrs["units"] = "mm"
        for name in ("x_pixel_size", "y_pixel_size"):
            detector[name].attrs["units"] = "um"
    return folder / "scan_master.nxs"


def p10_folder(folder: Path, counts: np.ndarray, bits: np.ndarray, per_point: int = 1, sample: str = "sample_00012") -> Path:
    """A folder of P10: the Eiger's master in a folder of its own, the log with the energy and a line a point beside it.

    With several frames a point, each point's have a file of their own; the counts are those of a point together.
    """
    scan = folder / sample
    (scan / "e4m").mkdir(parents=True)
    shares = np.full(per_point, 1 / per_point)
    frames = np.moveaxis(np.random.default_rng(4).multinomial(counts, shares), -1, 1).reshape(-1, *counts.shape[1:])
    eiger_master(scan / "e4m", frames, bits, per_point if per_point > 1 else 5, stem=scan.name)
    log = f"!\n%c\nascan om 16 17\n%p\nfmbenergy = {ENERGY_KEV * 1e3 + 4}\nom = 16.5\n%d\n Col 1 om DOUBLE\n"
    lines = "".join(f" {om:.4f} 1.02e+05\n" for om in np.linspace(16, 17, len(counts)))
    (scan / f"{sample}.fio").write_text(f"{log} Col 2 ipetra DOUBLE\n{lines}! Acquisition ended\n")
    return scan


def aps_folder(folder: Path, counts: np.ndarray, first=0, stem="Staff20_S0054") -> Path:
    """A folder of 34-ID-C: an image a frame, numbered without regard to the order in which the system lists them."""
    scan = folder / "Staff20_S0054"
    scan.mkdir()
    for number in np.random.default_rng(0).permutation(len(counts)):
        tifffile.imwrite(scan / f"{stem}_{number + first:05d}.tif", counts[number])
    return scan


def embedded(counts: np.ndarray, frame: tuple[int, int], first: tuple[int, int], background=0.02) -> np.ndarray:
    """Counts of a crystal at a place in larger frames, which are all but dark."""
    whole = np.random.default_rng(1).poisson(background, (len(counts), *frame)).astype(np.uint32)
    whole[:, first[0] : first[0] + counts.shape[1], first[1] : first[1] + counts.shape[2]] += counts
    return whole


def make_all(folder: Path) -> None:
    """The files of docs/pipelines.md: what four beamlines leave of one crystal whose fringes a detector's gap cuts."""
    crystal = counts_of_a_crystal((20, 110, 110), 1e5)
    maxipix = embedded(crystal, (516, 516), (185, 190))
    maxipix[:, 255:261], maxipix[:, :, 255:261] = 0, 0
    id01_file(folder, maxipix, (12, 13))
    id01_spec(folder, maxipix)
    cristal_file(folder, maxipix)
    merlin = embedded(crystal, (512, 512), (188, 185))
    merlin[:, 254:257], merlin[:, :, 254:257] = 0, 0
    sixs_file(folder, merlin)
    quad = embedded(crystal, (515, 515), (188, 185))
    quad[:, 255:260], quad[:, :, 255:260] = 0, 0
    nanomax_file(folder, quad)
    bits = np.zeros((260, 300), np.uint32)
    bits[:, 150:162] = 1  # as between the modules of an Eiger 4M; its frames are smaller here
    bits[70, 120] = 2
    p10_folder(folder, embedded(crystal, bits.shape, (70, 80)), bits)
    p10_folder(folder, embedded(crystal, bits.shape, (70, 80)), bits, per_point=3, sample="series_00013")
    white = np.random.default_rng(2).uniform(0.9, 1.1, (512, 512))
    white[200, 250] = 0
    timepix = np.random.default_rng(3).binomial(embedded(crystal, (512, 512), (188, 185)), np.minimum(white / 1.1, 1))
    aps_folder(folder, timepix.astype(np.int32))
    tifffile.imwrite(folder / "whitefield.tif", (white * 1e5).astype(np.float32))
    dark = np.zeros((512, 512), np.int32)
    dark[230, 240] = 50
    tifffile.imwrite(folder / "darkfield.tif", dark)


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    make_all(Path(sys.argv[1]))
