"""What became of two traces' work, side by side, and the difference between what they left."""

from dataclasses import dataclass

from ralph.history.objects import Diff, Objects
from ralph.home import Home
from ralph.ui.outcome import Outcome, outcome
from tracing.store import TraceDetail, TraceStore


@dataclass(frozen=True)
class Compared:
    """`a` and `b` are None where a trace is another agent's."""

    a: Outcome | None
    b: Outcome | None
    diff: Diff | None  # from what A left to what B left
    note: str  # why there is no diff, or what else is in it


def compared(store: TraceStore, home: Home, a: TraceDetail, b: TraceDetail) -> Compared | None:
    """None: Ralph knows of neither."""
    one, other = outcome(store, home, a), outcome(store, home, b)
    if one is None and other is None:
        return None
    diff, note = _between(one, other, a.trace.repo, b.trace.repo)
    return Compared(one, other, diff, note)


def _between(one: Outcome | None, other: Outcome | None, repo: str, other_repo: str) -> tuple[Diff | None, str]:
    if one is None or other is None or repo != other_repo:
        return None, "They did not work on the same repo, so there is no diff between what they left."
    left = [side.work.commit or side.work.ref for side in (one, other)]
    objects = Objects.of(repo)
    if objects is None or not all(left) or not all(map(objects.commit, left)):
        return None, "There is no diff to show: one of the two left no work, or git does not have it any more."
    bases = [side.checked.before.commit if side.checked.before else "" for side in (one, other)]
    apart = "" if bases[0] == bases[1] else "They began on different commits, so what lies between those is in it too."
    return objects.diff(left[0], left[1]), apart
