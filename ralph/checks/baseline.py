"""What the checks say about the base commit, so that a story is blamed only for what it made worse.

Cached by tree, commands and environment. A red result is kept for an hour only, and one that proves
nothing not at all: its cause may lie outside of the tree.
"""

import hashlib
import json
import platform
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ralph.checks.check import Check, CheckResult
from ralph.checks.report import RunnerReport
from ralph.environment import clean_env
from ralph.version import VERSION
from tracing.sqlite import connect, migrate, transaction

MIGRATIONS = ["CREATE TABLE baselines(key TEXT PRIMARY KEY, baseline TEXT NOT NULL, at_ns INTEGER NOT NULL)"]
RED_KEPT_NS = 3600 * 10**9
KEPT = 500


class BaseResult(BaseModel):
    """What is remembered of one check on the base."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    passed: bool
    exit_code: int
    timed_out: bool
    failures: int | None
    failing: tuple[str, ...]
    excerpt: str
    report: RunnerReport | None = None

    @classmethod
    def of(cls, result: CheckResult) -> "BaseResult":
        return cls(
            name=result.name,
            passed=result.passed,
            exit_code=result.exit_code,
            timed_out=result.timed_out,
            failures=result.failures,
            failing=result.failing,
            excerpt=result.excerpt[:4000],
            report=result.report,
        )


class Baseline(BaseModel):
    """The checks on the base commit."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    results: tuple[BaseResult, ...]

    @property
    def red(self) -> tuple[str, ...]:
        """Names of the checks that do not pass on the base."""
        return tuple(result.name for result in self.results if not result.passed)

    def of(self, name: str) -> BaseResult | None:
        return next((result for result in self.results if result.name == name), None)


@dataclass(frozen=True)
class Comparison:
    """The checks after the work, held against the base."""

    blamed: tuple[CheckResult, ...]  # the story has to mend these
    tolerated: tuple[CheckResult, ...]  # red before, and no worse

    @property
    def passed(self) -> bool:
        return not self.blamed


def proves_nothing(results: Sequence[BaseResult] | Sequence[CheckResult]) -> bool:
    """Whether no check tells good work from bad: each fails, and none says how many tests do."""
    return bool(results) and all(not result.passed and result.failures is None for result in results)


def compare(baseline: Baseline, after: Sequence[CheckResult]) -> Comparison:
    """Which failures are the story's. A check that is red on the base may stay red and may not get worse."""
    failed = [result for result in after if not result.passed]
    blamed = tuple(result for result in failed if _is_worse(baseline.of(result.name), result))
    return Comparison(blamed, tuple(result for result in failed if result not in blamed))


def _is_worse(base: BaseResult | None, after: CheckResult) -> bool:
    """By the failing tests' names where both sides have them all, else by their number, else by the exit code."""
    if base is None or base.passed or (after.timed_out and not base.timed_out):
        return True
    if base.failures is None or after.failures is None:
        return base.failures != after.failures or base.exit_code != after.exit_code
    if len(base.failing) == base.failures and len(after.failing) == after.failures:
        return not set(after.failing) <= set(base.failing)
    return after.failures > base.failures


@dataclass
class BaselineCache:
    """Baselines in `ledger.db`."""

    connection: sqlite3.Connection
    clock_ns: Callable[[], int] = time.time_ns
    redact: Callable[[str], str] = str

    @classmethod
    def open(
        cls, path: Path, *, clock_ns: Callable[[], int] = time.time_ns, redact: Callable[[str], str] = str
    ) -> "BaselineCache":
        connection = connect(path, synchronous="FULL")
        try:
            migrate(connection, "baseline", MIGRATIONS)
        except BaseException:
            connection.close()
            raise
        return cls(connection, clock_ns, redact)

    def close(self) -> None:
        self.connection.close()

    def get_or_run(self, key: str, run: Callable[[], Sequence[CheckResult]]) -> tuple[Baseline, bool]:
        """The baseline, and whether it came from the cache. What was cancelled is not remembered."""
        known = self._get(key)
        if known is not None:
            return known, True
        results = run()
        baseline = Baseline(results=tuple(BaseResult.of(result) for result in results))
        if not any(result.cancelled for result in results):
            self._put(key, baseline)
        return baseline, False

    def _get(self, key: str) -> Baseline | None:
        row = self.connection.execute("SELECT baseline, at_ns FROM baselines WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        baseline = Baseline.model_validate_json(row["baseline"])
        is_old = not 0 <= self.clock_ns() - row["at_ns"] <= RED_KEPT_NS  # before 0: the clock was set back
        is_stale = proves_nothing(baseline.results) or (bool(baseline.red) and is_old)
        return None if is_stale else baseline

    def _put(self, key: str, baseline: Baseline) -> None:
        """Without the secrets in what the checks printed; where one is in what is compared, nothing is remembered."""
        shown = [result.model_copy(update={"excerpt": self.redact(result.excerpt)}) for result in baseline.results]
        baseline = Baseline(results=tuple(shown))
        if any(self.redact(text) != text for text in _compared(baseline)):
            return
        with transaction(self.connection, "baseline") as connection:
            connection.execute(
                "INSERT OR REPLACE INTO baselines(key, baseline, at_ns) VALUES (?, ?, ?)",
                (key, baseline.model_dump_json(), self.clock_ns()),
            )
            connection.execute(
                "DELETE FROM baselines WHERE key NOT IN (SELECT key FROM baselines ORDER BY at_ns DESC LIMIT ?)",
                (KEPT,),
            )


def _compared(baseline: Baseline) -> Iterator[str]:
    for result in baseline.results:
        yield "\n".join(result.failing)
        yield result.report.model_dump_json() if result.report else ""


def baseline_key(
    tree_sha: str, checks: Sequence[Check], setup: Check | None, sandbox_level: str, prepared: str = ""
) -> str:
    """One key for what decides the outcome: the files, the commands, the environment and the sandbox.

    `prepared` stands for what the checks find beside the tree: copied files and services. Another version of Ralph may
    hear more of the runners, and what it hears of the base and of the work must be comparable.
    """
    environment = [VERSION, platform.platform(), sorted(clean_env().items()), sandbox_level, prepared]
    commands = [check.model_dump(mode="json") for check in [*checks, *([setup] if setup else [])]]
    facts = json.dumps([tree_sha, commands, setup is not None, environment], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()
