"""`python -m tests.tracing.redaction.measure`: recall on our corpus, by kind and by place."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable

from tests.tracing.redaction.corpus import Case, cases
from tracing.redact import Redactor


def missed(redact: Callable[[str], str], of: Iterable[Case]) -> list[Case]:
    return [case for case in of if case.leaks(redact(case.text))]


def recall(all_cases: list[Case], misses: list[Case], by: Callable[[Case], str]) -> dict[str, float]:
    total, lost = Counter(map(by, all_cases)), Counter(map(by, misses))
    return {name: 1 - lost[name] / count for name, count in total.items()}


def main() -> None:
    each = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    of = list(cases(each))
    misses = missed(Redactor().text, of)
    sys.stdout.write(f"recall {1 - len(misses) / len(of):.2%} of {len(of):,} ({len(misses)} missed)\n")
    for by in (lambda case: case.kind, lambda case: case.place):
        for name, share in sorted(recall(of, misses, by).items(), key=lambda item: item[1]):
            sys.stdout.write(f"  {share:7.2%}  {name}\n")
    seen: set[tuple[str, str]] = set()
    for case in misses:
        if (case.kind, case.place) not in seen:
            seen.add((case.kind, case.place))
            sys.stdout.write(f"--- {case.kind} / {case.place}\n{Redactor().text(case.text)[:300]}\n")


if __name__ == "__main__":
    main()
