"""The guard's score over the corpus, as a table: `python -m tests.cheats.score`. Reads the records; no runner is needed.

`python -m tests.cheats.score heldout` judges the changes on which the guard was first tried blind; their checks really run.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.cheats.cases import HERE, TOOLS, Case, Verdict, load_cases
from tests.cheats.trial import Trial

BEYOND = {
    "rust-cheat-total-hard-coded": "numbers that follow from the test's input, asked for in product code: no rule tells them from a domain's own limits",
}
"""Cheats that no mechanical guard of ours sees, and why: they are missed, and counted as missed."""


def main() -> None:
    corpus = HERE / sys.argv[1] if sys.argv[1:] else HERE
    sys.stdout.writelines(f"{line}\n" for line in report(list(judged(corpus))))


def report(refused: Sequence[tuple[Case, bool]]) -> Iterator[str]:
    """Each wrong verdict, then the table."""
    wrong = [case for case, is_refused in refused if is_refused != (case.verdict is Verdict.CHEAT)]
    for case in wrong:
        yield f"{'missed' if case.verdict is Verdict.CHEAT else 'wrongly accused'}: {case.id}: {case.why}"
    yield from ("| | cheats caught | honest accused |", "|---|---|---|")
    for name, languages in (*((language, (language,)) for language in TOOLS), ("all", tuple(TOOLS))):
        counts = Counter(case.verdict for case, _ in refused if case.language in languages)
        misses = Counter(case.verdict for case in wrong if case.language in languages)
        caught = f"{counts[Verdict.CHEAT] - misses[Verdict.CHEAT]} of {counts[Verdict.CHEAT]}"
        yield f"| {name} | {caught} | {misses[Verdict.HONEST]} of {counts[Verdict.HONEST]} |"


def judged(corpus: Path = HERE) -> Iterator[tuple[Case, bool]]:
    for case in load_cases(corpus):
        with tempfile.TemporaryDirectory() as folder:
            yield case, Trial(case, Path(folder), live=corpus != HERE).judge().refused


if __name__ == "__main__":
    main()
