"""What every rule reads: the change, the story's permit, and the tests before and after, matched to each other."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cached_property

from ralph.integrity.change import Change, FileChange
from ralph.integrity.finding import HARD, Finding
from ralph.integrity.lost import lost_words
from ralph.integrity.permit import Permit
from ralph.integrity.scan.compiled_tests import go_helpers, go_tests, rust_helpers, rust_tests
from ralph.integrity.scan.model import TestCase
from ralph.integrity.scan.python_tests import python_helpers, python_tests
from ralph.integrity.scan.script_tests import script_helpers, script_tests
from ralph.integrity.scan.text import Language, evidence, language_of
from ralph.integrity.testfiles import is_test_file

READERS = {
    Language.PYTHON: python_tests,
    Language.SCRIPT: script_tests,
    Language.GO: go_tests,
    Language.RUST: rust_tests,
}
HELPERS = {
    Language.PYTHON: python_helpers,
    Language.SCRIPT: script_helpers,
    Language.GO: go_helpers,
    Language.RUST: rust_helpers,
}
LOOPED = re.compile(r"\bfor\s*\(const|\.forEach\(|\.each|parametrize|for _, \w+ := range|#\[case")
ALIKE = 0.6
MOST_MATCHED = 400  # tests that are looked for under another name
MOST_LIKENESSES = 20_000  # in all, of a change
PERMITTED_WEIGHT = 5


@dataclass(frozen=True)
class Pair:
    """A test that existed before and what became of it; `new` is None where nothing did."""

    old: TestCase
    new: TestCase | None


@dataclass(frozen=True)
class Facts:
    change: Change
    permit: Permit
    unchanged_tests: Callable[[], Mapping[str, str]] = dict

    @cached_property
    def old_test_texts(self) -> tuple[str, ...]:
        """All test code as it was, that of files which did not change among it."""
        changed = [file.old_text for file in self.change.files if file.old and is_test_file(file.old_path)]
        return (*changed, *self.unchanged_tests().values())

    @cached_property
    def old_product_texts(self) -> tuple[str, ...]:
        return tuple(file.old_text for file in self.change.files if file.old and not is_test_file(file.old_path))

    @cached_property
    def lost(self) -> frozenset[str]:
        """Words of the product that it has no more."""
        return lost_words(self.change)

    @cached_property
    def old_tests(self) -> tuple[TestCase, ...]:
        return tuple(
            case
            for file in self.change.files
            if file.old
            for case in read_tests(file.old_path or file.path, file.old_text)
        )

    @cached_property
    def new_tests(self) -> tuple[TestCase, ...]:
        return tuple(case for file in self.change.files if file.new for case in read_tests(file.path, file.new_text))

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Every test of a changed file as it was, with the same test now: by file and name, by name, by what it does."""
        moved = {file.old_path or file.path: file.path for file in self.change.files}
        return tuple(_matched(self.old_tests, self.new_tests, moved))

    @cached_property
    def born(self) -> tuple[TestCase, ...]:
        """The tests that nothing old became."""
        known = {id(pair.new) for pair in self.pairs if pair.new}
        return tuple(case for case in self.new_tests if id(case) not in known)

    @cached_property
    def new_lines(self) -> frozenset[str]:
        """Assertions and lines of new tests, and the live assertions that old tests did not have."""
        lines = {line.strip() for new in self.born for line in new.source.split("\n")}
        lines |= {item.text for new in self.born for item in new.live}
        return frozenset(lines | {item.text for old, new in self._kept for item in set(new.live) - set(old.live)})

    @cached_property
    def new_bodies(self) -> tuple[str, ...]:
        """The texts of tests that are new or were rewritten; whole files where tests are made in loops or tables."""
        changed = [new for old, new in self._kept if new.source != old.source]
        texts = [new.source for new in (*self.born, *changed) if new.live]
        tables = [
            file.new_text for file in self.change.files if is_test_file(file.path) and LOOPED.search(file.new_text)
        ]
        return tuple([*tables, *texts] if texts else [])

    @property
    def _kept(self) -> list[tuple[TestCase, TestCase]]:
        return [(pair.old, pair.new) for pair in self.pairs if pair.new is not None]

    @cached_property
    def helpers(self) -> tuple[tuple[TestCase, TestCase], ...]:
        """The functions beside the tests that assert for them, before and after."""
        return tuple(pair for file in self.change.files if file.old and file.new for pair in _helpers(file))

    @cached_property
    def new_source(self) -> str:
        """All new text of test files, where something taken out of one test may have gone."""
        return "\n".join(file.new_text for file in self.change.files if is_test_file(file.path))

    def files(self, *languages: Language) -> Iterator[FileChange]:
        """The changed files that still exist, of the languages."""
        return (file for file in self.change.files if file.new and language_of(file.path) in languages)

    def allows_test(self, case: TestCase) -> bool:
        """Whether the story speaks of the test, or wants tests changed."""
        named = bool(re.search(r"_|[a-z][A-Z]", case.short)) and self.permit.asks([case.short.lower()])
        return self.permit.speaks_of(case.path) or named or self.permit.changes_tests


def read_tests(path: str, text: str) -> tuple[TestCase, ...]:
    """The tests in a file; of Rust also those beside the code, of other languages only in test files."""
    language = language_of(path)
    reader = READERS.get(language)
    if reader is None or not (language is Language.RUST or is_test_file(path)):
        return ()
    return tuple(replace(case, path=path) for case in reader(text))


def _helpers(file: FileChange) -> Iterator[tuple[TestCase, TestCase]]:
    reader = HELPERS.get(language_of(file.path))
    if reader is not None and is_test_file(file.path):
        old = {case.name: case for case in reader(file.old_text) if case.asserts}
        for case in reader(file.new_text):
            if case.name in old:
                yield replace(old[case.name], path=file.path), replace(case, path=file.path)


def judged(found: Finding, *, permitted: bool) -> Finding:
    """The finding, light where the story allows it."""
    return replace(found, weight=min(found.weight, PERMITTED_WEIGHT)) if permitted else found


def finding(rule: str, weight: int, text: str, path: str, line: int = 0, seen: str = "") -> Finding:  # noqa: PLR0917
    return Finding(rule, min(weight, HARD), text, path, line, evidence(seen))


def _matched(old: Sequence[TestCase], new: Sequence[TestCase], moved: dict[str, str]) -> Iterator[Pair]:
    free = list(new)
    rest: list[TestCase] = []
    for case in old:
        found = next((item for item in free if item.name == case.name and item.path == moved.get(case.path)), None)
        if found is not None:
            _take(free, found)
            yield Pair(case, found)
        else:
            rest.append(case)
    looked = 0
    for case in rest:
        found = next((item for item in free if item.name == case.name), None) or next(
            (item for item in free if item.short == case.short), None
        )
        if found is None and looked < MOST_LIKENESSES:
            looked += len(free)
            found = _alike(case, free)
        if found is not None:
            _take(free, found)
        yield Pair(case, found)


def _take(free: list[TestCase], case: TestCase) -> None:
    free[:] = [item for item in free if item is not case]


def _alike(case: TestCase, free: Sequence[TestCase]) -> TestCase | None:
    """The test that most of the case's lines went to: it was renamed."""
    lines = _telling(case.source)
    if not lines or len(free) > MOST_MATCHED:
        return None
    likely = [item for item in free if _same_values(case, item)]
    scored = [(_likeness(lines, _telling(item.source)), item) for item in likely]
    best = max(scored, key=lambda score: score[0], default=(0.0, None))
    return best[1] if best[0] >= ALIKE else None


def _likeness(old: list[str], new: list[str]) -> float:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    far = matcher.real_quick_ratio() < ALIKE or matcher.quick_ratio() < ALIKE
    return 0.0 if far else matcher.ratio()


def _same_values(old: TestCase, new: TestCase) -> bool:
    """Whether the two assert about the same: half of what one looks for, the other looks for too."""
    texts = {item.text for item in old.asserts}
    values = {value for text in texts for value in re.findall(r"'[^'\n]+'|\"[^\"\n]+\"|\b\d+(?:\.\d+)?\b", text)}
    shared = (
        [text in new.source for text in texts] if not values else [value.strip("'\"") in new.source for value in values]
    )
    return not shared or sum(shared) * 2 >= len(shared)


def _telling(source: str) -> list[str]:
    """The words of a test's body; its head, that a new name changes, left out."""
    return re.findall(r"\w+|[^\w\s]", source.split("\n", 1)[-1])[:600]
