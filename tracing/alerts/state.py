"""What is so and what people were told, for one condition and for one kind of event: pure steps from look to look.

A condition may come and go every minute and an event may happen a thousand times a night; a person is told once. Between two
messages about one condition there is always the other kind: firing, resolved, firing. Knows no database and no clock.
"""

from dataclasses import dataclass, replace

from tracing.alerts.message import Alert, Kind

SECOND_NS = 1_000_000_000
SETTLED_NS = 300 * SECOND_NS  # gone for so long, and it is over
COOLING_NS = 1_800 * SECOND_NS  # after "resolved" so long nothing is told of it


@dataclass(frozen=True)
class Condition:
    """One thing that holds, or held a while ago."""

    alert: Alert  # as it was when the rest changed last
    since_ns: int
    gone_ns: int | None = None  # when it was first missed; None while it holds
    told_ns: int | None = None  # when people were told that it holds; None: they think that all is well
    resolved_ns: int | None = None  # when they were last told that it is over
    spells: int = 0  # how often it came back since they were told anything
    messages: int = 0  # how many they were sent about it

    def is_over(self, now_ns: int) -> bool:
        return self.gone_ns is not None and now_ns - self.gone_ns >= SETTLED_NS

    def was_over(self, now_ns: int) -> bool:
        """Whether it begins anew where it is seen again: it was gone for long enough, or people were told so."""
        was_resolved = self.gone_ns is not None and self.resolved_ns is not None and self.gone_ns <= self.resolved_ns
        return was_resolved or self.is_over(now_ns)

    def is_cooling(self, now_ns: int) -> bool:
        return self.resolved_ns is not None and 0 <= now_ns - self.resolved_ns < COOLING_NS

    def is_forgettable(self, now_ns: int) -> bool:
        return self.told_ns is None and self.is_over(now_ns) and not self.is_cooling(now_ns)


def seen(before: Condition | None, alert: Alert, now_ns: int) -> Condition:
    """It holds at this look."""
    if before is None:
        return Condition(alert, now_ns)
    if before.gone_ns is None:
        return before
    since_ns = now_ns if before.told_ns is None and before.was_over(now_ns) else before.since_ns
    return replace(before, alert=alert, since_ns=since_ns, gone_ns=None, spells=before.spells + 1)


def missed(before: Condition, now_ns: int) -> Condition:
    """It does not hold at this look. A clock that was put back does not make it gone for longer."""
    return replace(before, gone_ns=now_ns if before.gone_ns is None else min(before.gone_ns, now_ns))


def due(condition: Condition, now_ns: int) -> Kind | None:
    """What people are to be told of it now."""
    if condition.told_ns is None:
        return Kind.FIRING if condition.gone_ns is None and not condition.is_cooling(now_ns) else None
    return Kind.RESOLVED if condition.is_over(now_ns) else None


def told(condition: Condition, kind: Kind, now_ns: int) -> Condition:
    after = replace(condition, spells=0, messages=condition.messages + 1)
    if kind is Kind.FIRING:
        return replace(after, told_ns=now_ns)
    return replace(after, told_ns=None, resolved_ns=now_ns)


@dataclass(frozen=True)
class Counted:
    """Events of one rule and key: when one was told last, and how many were not since then."""

    told_ns: int | None = None
    more: int = 0
    more_since_ns: int | None = None  # when the first of those happened

    def is_quiet(self, quiet_s: float, now_ns: int) -> bool:
        return self.told_ns is not None and 0 <= now_ns - self.told_ns < quiet_s * SECOND_NS

    def with_more(self, count: int, first_ns: int) -> "Counted":
        since_ns = first_ns if self.more_since_ns is None else min(self.more_since_ns, first_ns)
        return replace(self, more=self.more + count, more_since_ns=since_ns) if count else self
