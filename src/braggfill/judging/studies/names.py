"""The names of the studies, for the command line, which must not wait for what carries them out."""

from typing import Literal

StudyName = Literal["width", "portions", "slices", "skip", "oversampling", "conditions"]
