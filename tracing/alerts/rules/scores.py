"""The average of an agent's latest scores of a name is below what it should be."""

from collections.abc import Iterator

from tracing.alerts.message import Alert, Fact
from tracing.alerts.rule import Holds, Rule, Seen, View
from tracing.alerts.rules.wording import error_words, titled, who
from tracing.alerts.thresholds import Thresholds
from tracing.finding import Severity
from tracing.scores import ScoreAverage
from tracing.words import cut, plain

LEAST = 5  # with fewer an average says nothing; fewer still where [alerts] score_last is


def score(thresholds: Thresholds) -> Rule:
    least = min(LEAST, thresholds.score_last)

    def look(view: View) -> Iterator[Seen]:
        for name, bound in thresholds.scores.items():
            for average in view.store.score_averages(name, last=thresholds.score_last):
                if average.count >= least and average.average < bound:
                    yield Holds(_alert(average, bound))

    return Rule("score", "the average of a score falls below its bound ([alerts] scores)", look)


def _alert(average: ScoreAverage, bound: float) -> Alert:
    lowest, name = average.lowest, cut(plain(average.lowest.name), 40)
    why = f": {error_words(lowest.comment)}" if lowest.comment else "."
    return Alert(
        rule="score",
        key=f"{average.agent_id}/{lowest.name}",
        severity=Severity.WARNING,
        title=titled(average.agent_id, f'"{name}" is down to {average.average:.3g}'),
        text=f"That is the average of the last {average.count}; it should be {bound:g} or more. "
        f"The lowest is {lowest.value:.3g} (said by {lowest.source.value}){why}",
        facts=(
            Fact("Agent", who(average.agent_id)),
            Fact("Average", f"{average.average:.3g} of the last {average.count}"),
            Fact("Should be", f"{bound:g} or more"),
            Fact("Lowest", f"{lowest.value:.3g}"),
        ),
        agent=average.agent_id,
        trace_id=lowest.trace_id,
        span_id=lowest.span_id,
    )
