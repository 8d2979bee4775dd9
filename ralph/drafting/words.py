"""The words by which a criterion may mean one of the repo's checks. A module of its own, since it is light."""

from collections.abc import Sequence

from ralph.checks.check import Check


def words_of(checks: Sequence[Check]) -> list[str]:
    return [f"{check.name} {check.command}" for check in checks]
