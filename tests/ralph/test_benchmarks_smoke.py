"""Each benchmark runs, with tiny sizes. Nothing here looks at a time: a busy machine would fail it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from benchmarks import big, detectors, memory, money, nights, per_turn, redaction, sandboxed, spans, startup, storage
from benchmarks.__main__ import BENCHMARKS, PAGE
from benchmarks.figure import BEGIN, END, Figure, Judged, put_between_markers, table
from benchmarks.instant import InstantModel, run_bare, run_harness

TINY: dict[str, Callable[[Path], list[Figure]]] = {
    "turn": partial(per_turn.measure, at=(2, 4), repeats=1),
    "span": partial(spans.measure, count=2),
    "redaction": partial(redaction.measure, rounds=1),
    "ledger": partial(money.measure, count=2),
    "help": partial(startup.measure, count=1),
    "storage": partial(storage.measure, early=3, late=6, around=2),
    "memory": partial(memory.measure, turns=3),
    "sandbox": partial(sandboxed.measure, count=1),
    "viewer": partial(big.measure, small=100, big=200, short=30, long=60),
    "detectors": partial(detectors.measure, turns=2, short=12, long=24),
    "nights": partial(nights.measure, nights=2, spans=100, schedules=3),
}
LONGEST = {"memory", "nights", "detectors"}


def test_every_benchmark_has_a_tiny_run() -> None:
    assert set(TINY) == set(BENCHMARKS)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LONGEST else name for name in TINY]
)
def test_it_measures_something_and_prints_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RALPH_HOME", raising=False)
    figures = TINY[name](tmp_path)
    assert any(figure.at_most is not None for figure in figures)
    assert table(figures).count("\n") == len(figures) + 1


def test_both_loops_have_the_same_conversation_with_the_model(tmp_path: Path) -> None:
    ours, bare = InstantModel(4), InstantModel(4)
    run_harness(tmp_path, ours)
    run_bare(bare)
    assert len(ours.request_bytes) == len(bare.request_bytes) == 5
    assert ours.request_bytes[-1] == pytest.approx(bare.request_bytes[-1], rel=0.05)


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        pytest.param(Figure("a", 2.0, "ms", at_most=2.0), "met", id="at-the-target"),
        pytest.param(Figure("a", 2.1, "ms", at_most=2.0), "missed", id="above-it"),
        pytest.param(Figure("a", 9.0, "ms", 6.0, "b", 1.5, Judged.RATIO), "met", id="a-ratio-at-the-target"),
        pytest.param(Figure("a", 9.1, "ms", 6.0, "b", 1.5, Judged.RATIO), "missed", id="a-ratio-above-it"),
        pytest.param(Figure("a", 9.1, "ms"), "", id="no-target"),
    ],
)
def test_a_figure_says_whether_it_met_its_target(figure: Figure, verdict: str) -> None:
    assert figure.verdict == verdict
    assert figure.row().endswith(f"{verdict} |")


def test_figures_replace_what_stood_between_the_markers_and_nothing_else() -> None:
    assert put_between_markers(f"a\n{BEGIN}\nold\n{END}\nz", "new") == f"a\n{BEGIN}\nnew\n{END}\nz"
    with pytest.raises(ValueError, match="no place for figures"):
        put_between_markers("a page", "new")


def test_the_page_has_a_place_for_figures_and_names_every_benchmark() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert put_between_markers(page, "new") != page
    assert all(f"`{name}`" in page for name in BENCHMARKS)
