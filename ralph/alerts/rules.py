"""Every rule there is: those about any agent's traces, and Ralph's own about stories, money and schedules."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from ralph.alerts.attempts import Attempts
from ralph.alerts.known_runs import KnownRuns
from ralph.alerts.money_rules import money_rules
from ralph.alerts.own_findings import OwnFindings
from ralph.alerts.schedule_rules import schedule_rules
from ralph.alerts.settings_rule import settings_rule
from ralph.alerts.story_rules import story_rules
from ralph.home import Home
from ralph.settings.schema import Settings
from tracing.alerts.message import Alert, Fact
from tracing.alerts.rule import Rule, Seen, View
from tracing.alerts.rules import generic_rules
from tracing.redact import Redactor


def ralph_rules(home: Home, settings: Settings, clock: Callable[[], int] = time.time_ns) -> tuple[Rule, ...]:
    """What only Ralph knows of. Each reads the ledger, the logs of runs, the schedules or config.toml when it is asked."""
    runs = KnownRuns(home)
    return (
        *story_rules(runs),
        *money_rules(runs, settings),
        *schedule_rules(home, settings, clock),
        settings_rule(home),
    )


def every_rule(home: Home, settings: Settings, clock: Callable[[], int] = time.time_ns) -> tuple[Rule, ...]:
    """Also those that are switched off."""
    generic = (calmed(home, rule) for rule in generic_rules(settings.alerts.thresholds()))
    return (*generic, *ralph_rules(home, settings, clock))


def calmed(home: Home, rule: Rule) -> Rule:
    """What is about Ralph's own traces in Ralph's words: a failed attempt is not what a failed trace of another agent is."""
    if rule.name == "trace_failed":
        return replace(rule, look=Attempts(home, rule).look)
    return replace(rule, look=OwnFindings(rule).look) if rule.name == "finding" else rule


def without_secrets(rule: Rule, redact: Redactor) -> Rule:
    """The same rule; nothing that it says has a known secret in it."""

    def look(view: View) -> Iterator[Seen]:
        return (replace(seen, alert=_redacted(seen.alert, redact)) for seen in _looked(rule, view))

    return replace(rule, look=look)


def _looked(rule: Rule, view: View) -> Iterable[Seen]:
    return rule.look(view)


def _redacted(alert: Alert, redact: Redactor) -> Alert:
    return replace(
        alert,
        title=redact.text(alert.title),
        text=redact.text(alert.text),
        facts=tuple(Fact(redact.text(fact.label), redact.text(fact.value)) for fact in alert.facts),
        agent=redact.text(alert.agent),
    )
