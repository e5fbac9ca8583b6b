import pickle

from hypothesis import given
from hypothesis import strategies as st

from braggfill import InputError
from braggfill.base.text import LONGEST_SENTENCE, LONGEST_WORD, as_sentence, printable, shortened

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=2000)


@given(ANY_TEXT)
def test_a_sentence_is_one_printable_line_of_bounded_length(text):
    said = as_sentence(text)
    assert said.isprintable() and len(said) <= LONGEST_SENTENCE
    assert max(map(len, said.split()), default=0) <= LONGEST_WORD
    said.encode()
    assert as_sentence(said) == said


@given(ANY_TEXT, st.integers(3, 300))
def test_what_is_short_stays_and_what_is_long_keeps_both_ends(text, most):
    short = shortened(text, most)
    assert len(short) <= most
    assert short == text or (short[: most // 2] == text[: most // 2] and short[-(most // 2) + 1 :][-1:] in ("", "…", text[-1:]))


def test_terminals_are_not_told_anything():
    assert printable("a\x1b[31m\n\udcff\u202e") == r"a\x1b[31m\n\udcff\u202e"


def test_an_error_travels_between_processes_as_it_is():
    error = InputError("scan a\x1b.npz: got " + "x" * 10_000)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert r"a\x1b.npz" in str(error)
