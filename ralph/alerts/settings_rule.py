"""What is told of config.toml itself: that it went wrong under a process that had read it before. Knows no channel.

Only such a process can tell: whoever reads a wrong config.toml first has no channel to tell it through, and says so itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ralph.errors import RalphError
from ralph.home import Home
from ralph.settings.load import user_settings
from tracing.alerts.message import Alert
from tracing.alerts.rule import Holds, Rule, View
from tracing.finding import Severity
from tracing.words import cut, plain

SETTLED_NS = 60 * 10**9  # so long somebody who saves while he writes has to finish, before anybody is told
PROBLEM_CHARS = 300
MOST_PROBLEMS = 3


def settings_rule(home: Home) -> Rule:
    return Rule("settings_broken", "config.toml went wrong; the settings before stay in force", Broken(home).look)


@dataclass
class Broken:
    home: Home
    _since_ns: int | None = None  # when it was first seen to be wrong

    def look(self, view: View) -> Iterator[Holds]:
        try:
            user_settings(self.home)
        except RalphError as error:
            self._since_ns = view.now_ns if self._since_ns is None else self._since_ns
            if view.now_ns - self._since_ns >= SETTLED_NS:
                yield Holds(_broken(str(error)))
        else:
            self._since_ns = None


def _broken(said: str) -> Alert:
    problems = said.splitlines()
    more = len(problems) - MOST_PROBLEMS
    lines = [
        *(cut(plain(problem), PROBLEM_CHARS) for problem in problems[:MOST_PROBLEMS]),
        *([f"{more} more: ralph doctor shows them all."] if more > 0 else []),
        "The settings before stay in force for what goes on: schedules, alerts, the report, housekeeping. No run can begin until it is mended.",
    ]
    return Alert(
        rule="settings_broken",
        key="config.toml",
        severity=Severity.WARNING,
        title="config.toml is wrong; the settings before stay in force",
        text="\n".join(lines),
        agent="ralph",
    )
