"""The tree in reading order and the axis with its folded gaps."""

import pytest

from tracing.span import SpanKind, SpanStatus
from tracing.store import SpanLine
from tracing.web.timeline import NS_PER_MS, arranged, axis

S = 1_000 * NS_PER_MS


def a_line(
    span_id: str,
    start_s: float,
    end_s: float | None,
    *,
    parent: str | None = None,
    kind: SpanKind = SpanKind.TOOL,
) -> SpanLine:
    return SpanLine(
        id=1, span_id=span_id, parent_span_id=parent, name=span_id, kind=kind, status=SpanStatus.OK, error="",
        started_at_ns=int(start_s * S), ended_at_ns=None if end_s is None else int(end_s * S), input_tokens=0,
        cache_read_tokens=0, output_tokens=0, cost_micros=0, unseen_micros=0, gist="", stop_reason="", exit_code=None,
        passed=None, cache_break="", attempts=1,
    )  # fmt: skip


def root(end_s: float | None) -> SpanLine:
    return a_line("root", 0, end_s, kind=SpanKind.AGENT)


def test_a_stretch_in_which_only_the_root_is_open_is_folded() -> None:
    found = axis([root(100), a_line("a", 0, 10, parent="root"), a_line("b", 70, 100, parent="root")], 0)
    assert [(one.start_ms, one.end_ms, one.folded) for one in found.segments] == [
        (0, 10_000, False),
        (10_000, 70_000, True),
        (70_000, 100_000, False),
    ]
    assert found.place(0) == 0
    assert found.place(100_000) == 1
    assert found.place(70_000) - found.place(10_000) == pytest.approx(0.0244, abs=0.001)


@pytest.mark.parametrize(
    ("gap_s", "end_s"),
    [pytest.param(1.9, 20, id="under-two-seconds"), pytest.param(29, 1_000, id="under-three-percent")],
)
def test_a_short_gap_is_shown_as_it_is(gap_s: float, end_s: float) -> None:
    found = axis([root(end_s), a_line("a", 0, 5, parent="root"), a_line("b", 5 + gap_s, end_s, parent="root")], 0)
    assert not found.folds


def test_what_waits_for_others_does_not_fill_a_gap_but_a_long_tool_does() -> None:
    step = a_line("step", 0, 100, parent="root", kind=SpanKind.CHAIN)
    ends = [a_line("a", 0, 10, parent="step"), a_line("b", 90, 100, parent="step")]
    assert len(axis([root(100), step, *ends], 0).folds) == 1
    assert not axis([root(100), step, a_line("long", 0, 100, parent="step"), *ends], 0).folds


def test_an_open_span_lasts_until_now() -> None:
    assert axis([root(None), a_line("a", 0, None, parent="root")], 40 * S).end_ms == 40_000


def test_a_part_is_shown_and_what_lies_outside_has_no_bar() -> None:
    found = axis([root(100), a_line("a", 0, 100, parent="root")], 0, from_ms=20_000, to_ms=60_000)
    assert found.is_zoomed
    assert found.bar(30_000, 40_000) == (25, 25)
    assert found.bar(0, 100_000) == (0, 100)
    assert found.bar(70_000, 80_000) is None
    assert [tick.ms for tick in found.ticks()] == [20_000, 30_000, 40_000, 50_000, 60_000]


def test_no_tick_stands_inside_a_fold() -> None:
    found = axis([root(100), a_line("a", 0, 10, parent="root"), a_line("b", 70, 100, parent="root")], 0)
    assert not [tick for tick in found.ticks() if 10_000 < tick.ms < 70_000]


@pytest.mark.parametrize(
    "lines",
    [pytest.param([], id="no-span"), pytest.param([root(0)], id="no-time"), pytest.param([root(None)], id="open")],
)
def test_an_axis_of_nothing_can_be_drawn(lines: list[SpanLine]) -> None:
    found = axis(lines, 0)
    assert found.bar(0, 0) is not None
    assert found.ticks() is not None


def test_parents_come_first_and_children_in_the_order_they_began() -> None:
    lines = [
        root(9),
        a_line("a", 1, 5, parent="root"),
        a_line("b", 2, 3, parent="root"),
        a_line("a1", 3, 4, parent="a"),
    ]
    assert [(one.line.span_id, one.depth, one.children) for one in arranged(lines)] == [
        ("root", 0, 2),
        ("a", 1, 1),
        ("a1", 2, 0),
        ("b", 1, 0),
    ]


def test_orphans_and_circles_are_shown_once() -> None:
    lines = [a_line("x", 0, 1, parent="y"), a_line("y", 0, 1, parent="x"), a_line("orphan", 2, 3, parent="gone")]
    assert sorted(one.line.span_id for one in arranged(lines)) == ["orphan", "x", "y"]


def test_a_tree_deeper_than_the_stack_is_arranged() -> None:
    lines = [a_line(str(n), n, n + 1, parent=str(n - 1) if n else None) for n in range(5_000)]
    assert arranged(lines)[-1].depth == 4_999
