import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braggfill import InputError
from braggfill.base.config import build, build_each, read_config
from braggfill.filling.options import FillOptions
from braggfill.network.config import AdaptationConfig
from braggfill.simulation.particle import ParticleRanges
from braggfill.simulation.scans import SimulationConfig
from braggfill.training.config import TrainConfig

KINDS = {"gapnet.toml": TrainConfig, "library.toml": ParticleRanges}


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "configs").glob("*.toml")), ids=lambda p: p.name)
def test_every_shipped_configuration_loads(path):
    assert read_config(path, KINDS[path.name]) != KINDS[path.name]()


def write(folder, text):
    (folder / "c.toml").write_text(text)
    return folder / "c.toml"


def test_nested_values_reach_their_place(tmp_path):
    text = "steps = 7\nlearning_rate = 1\n[model]\nchannels = [8, 8, 8]\n"
    text += "[portions.gaps]\nwidth = [1, 5]\n[portions.simulation.measurement]\npeak_counts = [1, 10]"
    config = read_config(write(tmp_path, text), TrainConfig)
    assert (config.steps, config.learning_rate, config.model.channels) == (7, 1.0, (8, 8, 8))
    assert (config.portions.gaps.width, config.portions.simulation.measurement.peak_counts) == ((1, 5), (1.0, 10.0))
    assert config.batch == TrainConfig().batch


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("stepz = 3", "'stepz'; did you mean 'steps'"),
        ("[portions.gaps]\nwidht = [3, 3]", "'widht'; did you mean 'width'"),
        ("steps = 'many'", "'many', expected a whole number$"),
        ("batch = true", "True, expected a whole number$"),
        ("precision = 'float8'", "'float8', expected one of auto, float32, bfloat16"),
        ("model = 3", "3, expected a table$"),
        ("[model]\nchannels = [8, 8]", r"\[8, 8\], expected a list of 3, each a whole number$"),
        ("steps = ", "no valid TOML"),
        ("validate_every = 0", "validate_every: got 0"),
        ("seed = -1", "seed"),
        ("[model]\nchannels = [0, 8, 8]", "channels"),
        ("[portions]\npool = 0", "pool: got 0"),
        ("[portions]\nscan_size = 20", "scan_size"),
    ],
)
def test_mistakes_are_named(tmp_path, text, says):
    with pytest.raises(InputError, match=says):
        read_config(write(tmp_path, text), TrainConfig)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot be reached"):
        read_config(tmp_path / "none.toml", TrainConfig)


def test_lists_of_any_length_and_lists_of_lists(tmp_path):
    ranges = read_config(write(tmp_path, "metals = ['Au', 'Pt', 'Ni']\natoms = [1000, 2000]"), ParticleRanges)
    assert (ranges.metals, ranges.atoms) == (("Au", "Pt", "Ni"), (1000, 2000))
    config = read_config(write(tmp_path, "[patterns]\nreflections = [[1, 1, 1], [4, 0, 0]]"), SimulationConfig)
    assert config.patterns.reflections == ((1, 1, 1), (4, 0, 0))


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        (ParticleRanges, "metals = ['Au', 'Fe']", "'Fe'.*Ag.*Pt"),
        (ParticleRanges, "metals = []", "metals"),
        (ParticleRanges, "shapes = ['ball']", "'ball'"),
        (ParticleRanges, "atoms = [500, 100]", "atoms"),
        (ParticleRanges, "dislocation_share = 1.5", "dislocation_share"),
        (SimulationConfig, "[measurement]\npeak_counts = [0, 10]", "peak_counts"),
        (SimulationConfig, "[measurement]\nalien_share = -1", "alien_share"),
        (SimulationConfig, "[patterns]\nreflections = [[1, 1, 0]]", "reflections"),
        (SimulationConfig, "[patterns]\npeak_offset = [0.9, 1.2]", "peak_offset"),
        (SimulationConfig, "[objects]\nphase_correlation = [0.5, 0.1]", "phase_correlation"),
        (SimulationConfig, "[objects]\nphase_correlation = [1e6, 1e6]", "phase_correlation"),
        (SimulationConfig, "[measurement]\npeak_counts = [1e12, 1e12]", "peak_counts.*1e\\+09"),
        (SimulationConfig, "[measurement]\ncoherence_sigma = [-1, 1]", "coherence_sigma"),
        (SimulationConfig, "[measurement]\ndead_time_loss = [0.5, 1.0]", "dead_time_loss"),
        (SimulationConfig, "[measurement]\nfaulty_pixels = [1, 9223372036854775807]", "faulty_pixels"),
        (SimulationConfig, "[patterns]\nreflections = [[9, 9, 9]]", "energy_kev"),
        (SimulationConfig, "[bodies]\ninterface_energy = [-5, -5]", "interface_energy"),
        (ParticleRanges, "atoms = [1, 1]", "atoms"),
        (ParticleRanges, "energy_100 = [1e-300, 1e-300]", "energy_100"),
        (TrainConfig, "learning_rate = nan", "learning_rate"),
        (TrainConfig, "average_decay = 7", "average_decay"),
        (TrainConfig, "warmup_steps = -5", "warmup_steps"),
        (TrainConfig, "seed = 99999999999999999999", "seed"),
        (TrainConfig, "[portions.gaps]\nwidth = [0, 3]", "width: got"),
        (TrainConfig, "[portions.gaps]\nwidth = [1, 60]", "width: got"),
        (TrainConfig, "[portions.gaps]\naliens = [-1, 2]", "aliens: got"),
        (TrainConfig, "[portions.gaps]\nspacing = 0", "spacing: got"),
    ],
)
def test_impossible_ranges_are_named(tmp_path, kind, text, says):
    with pytest.raises(InputError, match=says):
        read_config(write(tmp_path, text), kind)


@dataclass(frozen=True)
class Plain:
    """A field of every plain type."""

    whole: int = 0
    real: float = 0.0
    text: str = ""
    yes: bool = False


VALUES = st.one_of(st.integers(), st.floats(allow_nan=False), st.text(), st.booleans(), st.lists(st.integers()), st.none())


@given(st.sampled_from([f.name for f in fields(Plain)]), VALUES)
def test_a_value_is_taken_as_it_is_or_refused_by_name(key, value):
    """Nothing turns into something else, but for whole numbers where any number may stand."""
    takes = {"whole": (int,), "real": (int, float), "text": (str,), "yes": (bool,)}[key]
    expected = {"whole": "a whole number", "real": "a number", "text": "a text", "yes": "true or false"}[key]
    if type(value) in takes:
        made = getattr(build(Plain, {key: value}, "test"), key)
        assert made == value
        assert type(made) is takes[-1]
    else:
        with pytest.raises(InputError, match=f"^test, key '{key}': got .*, expected {expected}$"):
            build(Plain, {key: value}, "test")


@pytest.mark.parametrize("kind", [TrainConfig, ParticleRanges, SimulationConfig, AdaptationConfig])
def test_what_is_written_as_json_is_read_as_it_was(kind):
    assert build(kind, json.loads(json.dumps(asdict(kind()))), "test") == kind()


def test_a_table_of_its_own_sets_how_a_fill_learns_from_a_scan(tmp_path):
    text = "adapt = true\n[adaptation]\nsteps = 7\nfringes = [{reach = 9}]\n[adaptation.practice.held_out]\nnumber = 3\n"
    options = read_config(write(tmp_path, text), FillOptions)
    assert (options.adaptation.steps, options.adaptation.practice.held_out.number) == (7, 3)
    assert [fringes.reach for fringes in options.adaptation.fringes] == [9]
    for wrong, says in (
        ("fringes = [{reech = 9}]", "'reech'; did you mean 'reach'"),
        ("practice = 3", "practice': got 3, expected a table$"),
    ):
        with pytest.raises(InputError, match=says):
            read_config(write(tmp_path, f"[adaptation]\n{wrong}"), FillOptions)


def test_one_flat_table_makes_several_dataclasses():
    made = build_each({"plain": Plain, "fill": FillOptions}, {"whole": 3, "method": "linear"}, "test")
    assert made == {"plain": Plain(whole=3), "fill": FillOptions(method="linear")}
    with pytest.raises(InputError, match="'methd'; did you mean 'method'"):
        build_each({"plain": Plain, "fill": FillOptions}, {"methd": "linear"}, "test")


def test_a_file_of_another_kind_is_no_configuration(tmp_path):
    """Not even an empty one, which would be one that leaves everything as it is."""
    (tmp_path / "scan.npz").touch()
    with pytest.raises(InputError, match=r"ends in \.toml"):
        read_config(tmp_path / "scan.npz", TrainConfig)
