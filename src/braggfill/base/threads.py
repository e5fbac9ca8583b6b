"""Independent pieces of torch work side by side, each on one thread.

Many small steps gain little from several threads, and lose much where other programs keep the cores busy.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

import torch

Result = TypeVar("Result")


def at_a_time(device: torch.device | str) -> int:
    """Pieces that ``side_by_side`` does at a time on a device."""
    return torch.get_num_threads() if torch.device(device).type == "cpu" else 1


def side_by_side(
    work: Sequence[Callable[[], Result]], stop: Callable[[], None] = lambda: None, device: torch.device | str = "cpu"
) -> list[Result]:
    """Results of all pieces in their order, as many at a time as torch has threads.

    ``stop`` is called when one fails or the user interrupts: those that run are waited for. On a graphics card, which works
    off one stream, they are done one after the other, and one alone needs memory.
    """
    if torch.device(device).type != "cpu":
        return [piece() for piece in work]
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(min(threads, max(len(work), 1)), initializer=torch.set_num_threads, initargs=(1,))
    try:
        running = [pool.submit(piece) for piece in work]
        for ended in wait(running, return_when=FIRST_EXCEPTION).done:
            ended.result()
        return [piece.result() for piece in running]
    except BaseException:
        stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
