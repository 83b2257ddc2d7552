"""Answers in order, of threads that are gone afterwards."""

import os
import signal
import threading
import time
import weakref
from collections.abc import Iterator
from random import Random

import pytest

from edge_detect.workers import IN_HAND, answers_in_order


def threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("edge-detect")]


@pytest.fixture(autouse=True)
def _no_threads_are_left() -> Iterator[None]:
    yield
    assert threads() == []


def nothing() -> None:
    """No answer takes so long that it has to be stopped."""


def slow(item: float) -> float:
    time.sleep(item)
    return item


def test_answers_come_in_order() -> None:
    items = [Random(0).uniform(0, 0.01) for _ in range(200)]
    assert list(answers_in_order(slow, items, 5, nothing)) == items


def test_items_are_answered_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=30)
    assert len(list(answers_in_order(lambda item: meeting.wait(), range(6), 3, nothing))) == 6


def test_an_answer_is_given_as_soon_as_it_is_due() -> None:
    second = threading.Event()
    answers = answers_in_order(lambda item: item or second.wait(30), [1, 0, 1], 2, nothing)
    assert next(answers) == 1  # while the second is still under way
    second.set()
    assert list(answers) == [True, 1]


def test_items_are_drawn_a_few_ahead_in_the_callers_thread() -> None:
    drawn = []

    def items() -> Iterator[int]:
        for number in range(1000):
            drawn.append(threading.current_thread())
            yield number

    answers = answers_in_order(lambda item: item, items(), 2, nothing)
    assert drawn == []
    for taken in range(1, 50):
        next(answers)
        assert len(drawn) <= taken + 2 * IN_HAND
    answers.close()  # type: ignore[attr-defined]
    assert set(drawn) == {threading.current_thread()}


def test_closing_stops_what_is_under_way() -> None:
    stopped, begun = threading.Event(), []

    def until_stopped(item: int) -> bool:
        begun.append(item)
        return item == 0 or stopped.wait(30)

    answers = answers_in_order(until_stopped, range(1000), 2, stopped.set)
    next(answers)
    at = time.monotonic()
    answers.close()  # type: ignore[attr-defined]
    assert time.monotonic() - at < 5
    assert len(begun) <= 4


def test_an_error_of_the_items_comes_behind_the_answers() -> None:
    def items() -> Iterator[int]:
        yield from (1, 2, 3)
        raise RuntimeError("no more")

    answers = answers_in_order(lambda item: item, items(), 2, nothing)
    assert [next(answers), next(answers), next(answers)] == [1, 2, 3]
    with pytest.raises(RuntimeError, match="no more"):
        next(answers)


def test_an_error_of_an_answer_is_raised_in_its_place() -> None:
    answers = answers_in_order(lambda item: 1 // item, [1, 0, 1], 2, nothing)
    assert next(answers) == 1
    with pytest.raises(ZeroDivisionError):
        next(answers)


def test_an_interrupt_in_the_items_ends_the_threads() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(answers_in_order(lambda item: item, items(), 2, nothing))


def test_items_are_not_kept() -> None:
    class Audio:
        """Something that takes memory."""

    kept: list[weakref.ref[Audio]] = []

    def items() -> Iterator[Audio]:
        for _ in range(20):
            audio = Audio()
            kept.append(weakref.ref(audio))
            yield audio
            del audio

    for _ in answers_in_order(lambda item: None, items(), 2, nothing):
        pass
    assert [ref for ref in kept if ref() is not None] == []


def test_an_interrupt_stops_the_only_item_too() -> None:
    stopped = threading.Event()
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        list(answers_in_order(lambda _: stopped.wait(30), [1], 1, stopped.set))
    assert stopped.is_set()
