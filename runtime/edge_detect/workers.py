"""Threads that answer many items at once, and give the answers in the items' order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# Items in hand for each thread: enough that the others stay busy behind one that takes long.
IN_HAND = 8


def answers_in_order(
    answer: Callable[[Item], Answer],
    items: Iterable[Item],
    workers: int,
    stop: Callable[[], None],
) -> Iterator[Answer]:
    """`answer(item)` of each item in order, by `workers` threads; each as soon as it is due.

    Items are drawn in the caller's thread, at most 8 for each worker ahead of the answers taken.
    When the iterator is closed or the caller is interrupted, `stop` is called, which is to make
    answers under way return, what has not begun is dropped, and the threads are waited for. An
    error of `items` is raised behind the answers of the items before it.
    """
    pool = ThreadPoolExecutor(workers, "edge-detect")
    pending: deque[Future[Answer]] = deque()
    drawn = Drawn(items)
    try:
        for item in drawn:
            pending.append(pool.submit(answer, item))
            del item  # a caller's audio is the worker's now
            while pending and (len(pending) >= IN_HAND * workers or pending[0].done()):
                yield take_first(pending)
        while pending:
            yield take_first(pending)
        drawn.raise_error()
    finally:
        if pending:
            stop()
        pool.shutdown(cancel_futures=True)


def take_first(pending: deque[Future[Answer]]) -> Answer:
    """The first answer, once it is there; until then it is pending, for whoever interrupts."""
    answer = pending[0].result()
    pending.popleft()
    return answer


class Drawn(Iterator[Item]):
    """Items of an iterable up to its end or its error, which is kept for later."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = iter(items)
        self._error: Exception | None = None

    def __next__(self) -> Item:
        try:
            return next(self._items)
        except StopIteration:
            raise
        except Exception as error:  # the caller's own, of whatever kind: raised by raise_error
            self._error = error
            raise StopIteration from error

    def raise_error(self) -> None:
        """Raise the error that ended the items, if one did."""
        if self._error:
            raise self._error
