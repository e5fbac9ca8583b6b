import pytest

from braggfill.base.errors import InputError, VanishedError
from braggfill.base.progress import Steps
from braggfill.base.vanishing import lasting, some


def vanishing():
    raise VanishedError


def test_what_vanishes_takes_none_of_the_others_with_it():
    assert lasting([lambda: 1, vanishing, lambda: 3]) == [1, 3]


def test_where_all_vanish_the_sentence_says_so():
    with pytest.raises(InputError, match="the object vanished"):
        some(lasting([vanishing, vanishing]))


def test_another_error_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        lasting([lambda: 1 / 0])


def test_the_steps_of_what_vanished_count_as_made():
    told = []
    steps = Steps(lambda done, total: told.append((done, total)), 5)
    with pytest.raises(VanishedError), steps.piece(5) as tick:
        tick()
        vanishing()
    assert told[-1] == (5, 5)
