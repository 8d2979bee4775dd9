"""Charts: where their shapes stand, what they say in words, and that they are drawn without a style of their own."""

from pathlib import Path

import jinja2
import pytest

import tracing.web
from tracing.web.charts import TIME_STEPS_NS, Chart, Link, Point, bars, line, ranks, sparkline
from tracing.words import length, money

TEMPLATES = Path(tracing.web.__file__).parent / "templates"


def whole(value: float) -> str:
    return f"{value:.0f}"


def dollars(micros: float) -> str:
    return money(round(micros))


def drawn(chart: Chart) -> str:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(autoescape=True, loader=loader, undefined=jinja2.StrictUndefined)
    environment.globals["url"] = lambda name, **args: f"/{name}?{args}"
    return environment.from_string('{% from "_charts.html" import chart %}{{ chart(it) }}').render(it=chart)


def test_bars_are_stacked_from_the_ground_up() -> None:
    made = bars([Point("mon", (3, 1)), Point("tue", (0, 2))], ("done", "failed"), whole)
    done, failed, tuesday = made.bars
    assert failed.y + failed.height == pytest.approx(done.y)
    assert done.y + done.height == made.height
    assert (tuesday.series, tuesday.title) == (1, "tue: failed 2")
    assert done.x + done.width < tuesday.x


@pytest.mark.parametrize(
    ("greatest", "labels"),
    [
        pytest.param(7, ["0", "2", "4", "6", "8"], id="small"),
        pytest.param(1, ["0", "1"], id="one-thing"),
        pytest.param(0, ["0", "1"], id="nothing"),
        pytest.param(940, ["0", "250", "500", "750", "1000"], id="hundreds"),
    ],
)
def test_the_axis_has_round_values_up_to_the_greatest(greatest: int, labels: list[str]) -> None:
    made = bars([Point("a", (greatest,))], ("n",), whole, whole=True)
    assert [tick.label for tick in made.grid] == labels
    assert made.grid[0].at == made.height
    assert made.grid[-1].at == 0


def test_money_has_readable_ticks() -> None:
    made = bars([Point("a", (730_000,))], ("cost",), dollars)
    assert [tick.label for tick in made.grid] == ["$0.0", "$0.2", "$0.4", "$0.6", "$0.8"]


def test_times_have_steps_of_a_clock() -> None:
    second = 1_000_000_000
    made = line([Point("a", (700 * second,))], ("time",), lambda ns: length(round(ns)), steps=TIME_STEPS_NS)
    assert [tick.label for tick in made.grid] == ["0 ms", "5m00s", "10m00s", "15m00s"]


def test_a_line_breaks_where_nothing_is_known() -> None:
    made = line([Point("a", (1,)), Point("b", (None,)), Point("c", (2,)), Point("d", (1,))], ("rate",), whole)
    assert made.paths[0][1].count("M") == 2
    assert len(made.dots) == 3
    assert made.words[1] == ("-",)


def test_only_a_handful_of_labels_stand_below_many_points_and_the_last_is_one_of_them() -> None:
    made = bars([Point(str(number), (1,)) for number in range(100)], ("n",), whole)
    assert len(made.labels) <= 6
    assert made.labels[-1].label == "99"


def test_a_chart_tells_a_screen_reader_its_first_greatest_and_last_value_and_has_a_table_twin() -> None:
    html = drawn(
        bars(
            [Point("mon", (3,), "/traces?day=1"), Point("tue", (9,), Link("runs", {"day": "2"})), Point("wed", (4,))],
            ("runs",),
            whole,
        )
    )
    assert "mon: 3; tue: 9; wed: 4." in html
    assert '<a href="/traces?day=1">mon</a>' in html
    assert html.count("/runs?{&#39;day&#39;: &#39;2&#39;}") == 2
    assert html.count('<th scope="row">') == 3


@pytest.mark.parametrize(
    "chart",
    [
        pytest.param(bars([], ("n",), whole), id="no-points"),
        pytest.param(bars([Point("a", (0,))], ("n",), whole), id="a-zero"),
        pytest.param(line([Point("a", (None,))], ("n",), whole), id="nothing-known"),
        pytest.param(ranks([Point("<b>x", (1, 2), "/a?b=1&c=2")], ("in", "out"), whole), id="ranks"),
        pytest.param(ranks([Point("a", (0,))], ("n",), whole), id="ranks-of-nothing"),
        pytest.param(sparkline([1, 2, 0], bad=[0, 1, 0], title="3 runs"), id="sparkline"),
        pytest.param(sparkline([]), id="an-empty-sparkline"),
    ],
)
def test_every_kind_is_drawn_escaped_and_without_inline_style(chart: Chart) -> None:
    html = drawn(chart)
    assert "style=" not in html
    assert "<b>" not in html
    assert "NaN" not in html


def test_a_bar_that_stands_alone_is_no_wider_than_others() -> None:
    (bar,) = bars([Point("one day", (3,))], ("cost",), whole).bars
    assert (bar.x, bar.width) == (44, 12)
