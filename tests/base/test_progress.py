from concurrent.futures import ThreadPoolExecutor

from braggfill.base.progress import Steps, name_phase


def test_a_piece_that_ends_early_counts_whole_and_one_that_makes_more_steps_does_not():
    told = []
    steps = Steps(lambda done, total: told.append((done, total)), 5)
    with steps.piece(3) as tick:
        tick()
    with steps.piece(2) as tick:
        for _ in range(4):
            tick()
    tick()
    assert told == [(0, 5), (1, 5), (3, 5), (4, 5), (5, 5)]


def test_a_piece_whose_steps_are_made_by_several_threads_counts_them_once():
    told = []
    steps = Steps(lambda done, total: told.append(done), 100)
    with steps.piece(100) as tick, ThreadPoolExecutor(8) as pool:
        for _ in range(500):
            pool.submit(tick)
    assert told == list(range(101))


def test_phases_are_told_to_a_progress_that_shows_them_and_to_no_other():
    class Shown:
        def __init__(self):
            self.told = []

        def __call__(self, done, total):
            self.told.append((done, total))

        def name_phase(self, phase):
            self.told.append(phase)

    shown = Shown()
    for progress in (shown, lambda done, total: None):
        name_phase(progress, "searching")
    assert shown.told == ["searching"]
