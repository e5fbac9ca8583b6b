import threading
import time

import pytest
import torch

from braggfill.base.progress import Steps
from braggfill.base.threads import side_by_side


def test_results_come_in_order_and_every_piece_has_one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        together = threading.Barrier(2, timeout=20)  # passed only if two pieces run at a time

        def piece(number):
            together.wait()
            return number, torch.get_num_threads()

        assert side_by_side([lambda n=n: piece(n) for n in range(4)]) == [(n, 1) for n in range(4)]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_an_error_in_a_piece_is_raised_and_the_threads_come_back():
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError):
        side_by_side([lambda: 1 / 0, lambda: 1])
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("place", [0, 1])
def test_when_one_piece_fails_the_others_end_at_their_next_step(place):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    steps, made, begun = Steps(lambda *_: None, 10_000), [], threading.Event()

    def long():
        with steps.piece(10_000) as tick:
            for n in range(10_000):
                begun.set()
                time.sleep(0.001)
                tick()
                made.append(n)

    def fails():
        begun.wait(20)
        raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            side_by_side([fails, long] if place == 0 else [long, fails], steps.stop)
    finally:
        torch.set_num_threads(before)
    assert len(made) < 1000
