"""Which lines of a check's output a person is shown."""

import pytest

from ralph.history.trace_reading import GAP, failing_lines

NODE = """TAP version 13
# Subtest: adds
ok 1 - adds
  ---
  duration_ms: 0.9
  type: 'test'
  ...
# Subtest: subtracts
not ok 2 - subtracts
  ---
  duration_ms: 1.2
  type: 'test'
  location: '/w/test/sub.test.js:3:1'
  failureType: 'testCodeFailure'
  error: |-
    Expected values to be strictly equal:

    4 !== 2
  code: 'ERR_ASSERTION'
  ...
1..2
# tests 2
# suites 0
# pass 1
# fail 1
# cancelled 0
# skipped 0
# todo 0
# duration_ms 61.4
[exit code 1]
"""
PYTHON = "Traceback (most recent call last):\n" + "  File x\n" * 30 + "ValueError: no such month\n"


def test_of_tap_the_failing_test_and_its_error_are_shown_and_no_counts() -> None:
    assert failing_lines(NODE, 8) == [
        "not ok 2 - subtracts",
        "  location: '/w/test/sub.test.js:3:1'",
        "  error: |-",
        "    Expected values to be strictly equal:",
        "    4 !== 2",
        "  code: 'ERR_ASSERTION'",
    ]


def test_what_lies_between_two_telling_lines_is_left_out() -> None:
    assert failing_lines(PYTHON, 8) == [
        "Traceback (most recent call last):",
        *["  File x"] * 3,
        GAP,
        "ValueError: no such month",
    ]


@pytest.mark.parametrize("count", [1, 4, 12])
def test_never_more_lines_than_there_is_room_for(count: int) -> None:
    assert len(failing_lines("FAILED one\n" * 50, count)) == count
    assert len(failing_lines("nothing\n" * 50, count)) == count
