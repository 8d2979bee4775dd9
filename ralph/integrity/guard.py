"""Whether work that passes its checks passes them honestly: every test that was there still holds, new ones can fail.

The idea of SWE-bench, applied to a repo's own tests: what the agent did to the tests counts for nothing until the tests of the
base pass on its work, and its new tests fail on the base. Static rules see what running cannot. Nothing is run here: the
caller says how (`Evidence.run`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ralph.integrity.evidence import Evidence, Reports
from ralph.integrity.finding import HARD, Finding
from ralph.integrity.old_and_new_tests import OldAndNewTests
from ralph.integrity.programs import changed_programs
from ralph.integrity.protected import protected_changes
from ralph.integrity.renames import read_anew
from ralph.integrity.scan import scan

__all__ = ["Evidence", "Judgement", "Reports", "judge"]


@dataclass(frozen=True)
class Judgement:
    """`findings` with the heaviest first; each says what was seen."""

    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        return self.weight >= HARD

    @property
    def weight(self) -> int:
        return sum(finding.weight for finding in self.findings)

    @property
    def text(self) -> str:
        """One line for a person."""
        if not self.findings:
            return "nothing suspicious"
        first = self.findings[0]
        more = f" and {len(self.findings) - 1} more" if len(self.findings) > 1 else ""
        return f"{first.text}{f' ({first.place})' if first.place else ''}{more}"


def judge(evidence: Evidence) -> Judgement:
    """All findings. The static ones come first; nothing is run any more once they are enough to refuse."""
    change, permit = read_anew(evidence.change, evidence.renames), evidence.permit
    found = [
        *scan(change, permit, evidence.unchanged_tests),
        *protected_changes(change, permit, evidence.protected),
        *changed_programs(change, permit, evidence.programs),
    ]
    if sum(finding.weight for finding in found) < HARD:
        found = list(_each_once(found, OldAndNewTests(evidence).findings()))
    return Judgement(tuple(sorted(found, key=lambda finding: -finding.weight)))


def _each_once(seen: Sequence[Finding], ran: Sequence[Finding]) -> Iterator[Finding]:
    """What the text shows and what the runs show; of the same test only the heavier, and the text's, which has a line."""
    known = {finding.about: finding.weight for finding in seen if finding.about}
    better = {finding.about for finding in ran if finding.about and finding.weight > known.get(finding.about, HARD)}
    yield from (finding for finding in seen if finding.about not in better)
    yield from (finding for finding in ran if finding.about in better or finding.about not in known)
