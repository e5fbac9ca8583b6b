from pathlib import Path

import pytest

from braggfill import InputError
from braggfill.config import TrainConfig, read_config


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[1] / "configs").glob("*.toml")), ids=lambda p: p.name)
def test_every_shipped_configuration_loads(path):
    assert read_config(path).steps > 0


def write(folder, text):
    (folder / "c.toml").write_text(text)
    return folder / "c.toml"


def test_nested_values_reach_their_place(tmp_path):
    text = "steps = 7\nlearning_rate = 1\n[model]\nchannels = [8, 8, 8]\n"
    text += "[portions.gaps]\nmax_width = 5\n[portions.doses]\npeak_counts = [1, 10]"
    config = read_config(write(tmp_path, text))
    assert (config.steps, config.learning_rate, config.model.channels) == (7, 1.0, (8, 8, 8))
    assert (config.portions.gaps.max_width, config.portions.doses.peak_counts) == (5, (1.0, 10.0))
    assert config.batch == TrainConfig().batch


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("stepz = 3", "'stepz'; did you mean 'steps'"),
        ("[portions.gaps]\nmax_widht = 3", "'max_widht'; did you mean 'max_width'"),
        ("steps = 'many'", "'many', expected int"),
        ("batch = true", "True, expected int"),
        ("precision = 'float8'", "'float8', expected"),
        ("model = 3", "3, expected ModelConfig"),
        ("[model]\nchannels = [8, 8]", r"\[8, 8\], expected"),
        ("steps = ", "no valid TOML"),
        ("validate_every = 0", "validate_every: got 0"),
        ("seed = -1", "seed"),
        ("[model]\nchannels = [0, 8, 8]", "channels"),
        ("[portions]\npool = 0", "pool: got 0"),
        ("[portions]\npattern_size = 20", "pattern_size"),
    ],
)
def test_mistakes_are_named(tmp_path, text, says):
    with pytest.raises(InputError, match=says):
        read_config(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_config(tmp_path / "none.toml")
