"""What the user is told of a signal while a step is still being finished."""

import signal
import threading

from ralph.events import Event
from ralph.signals import STOPPING, StopSignal, announced


def test_a_signal_is_answered_at_once_whatever_goes_on() -> None:
    stop, told, heard = StopSignal(), list[Event](), threading.Event()

    def tell(event: Event) -> None:
        told.append(event)
        heard.set()

    with announced(stop, tell):
        stop.signum = signal.SIGTERM
        stop.event.set()
        assert heard.wait(5)
    assert [event.text for event in told] == [STOPPING]


def test_a_stop_that_no_signal_asked_for_and_an_end_are_not_announced() -> None:
    told = list[Event]()
    stop = StopSignal()
    stop.event.set()
    for one in (stop, StopSignal()):
        with announced(one, told.append):
            pass
    assert told == []
