"""What became of the tests that were there before: moved, renamed or rewritten ones are found by what they say.

Pure: it is given reports and texts. A test counts as kept when a test that ran has all of its literals and most of its names.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cached_property
from itertools import islice

from ralph.checks.report import Outcome, RunnerReport
from ralph.integrity.bodies import test_bodies
from ralph.integrity.change import Change, FileChange
from ralph.integrity.rewriting import Rewriting
from ralph.integrity.rust_tests import tests_in
from ralph.integrity.testfiles import is_test_code, is_test_file
from ralph.integrity.tokens import Tokens, tokens, with_words

NAMES_KEPT = 0.5
MUCH_THE_SAME = 0.6
MOST_WORDS = 600
MOST_HEIRS = 400  # new tests that an old one is looked for in
WHOLE_FILE = re.compile(r"^node:(?!.* > ).*\.[cm]?[jt]s(?: \(\d+\))?$")
RAN = (Outcome.PASSED, Outcome.FAILED, Outcome.XFAILED)


@dataclass(frozen=True)
class TestName:
    """A test's id taken apart. `file` is empty where the runner does not name the one that the test stands in."""

    __test__ = False

    file: str
    name: str  # the function's, or the words that a JavaScript test is called
    case: str = ""  # what stands behind it: parameters, subtest

    @classmethod
    def of(cls, test_id: str) -> "TestName":
        runner, _, rest = test_id.partition(":")
        if runner == "go":
            name, _, case = _go(rest).partition("/")
            return cls("", name, case)
        if runner == "cargo":
            return cls("", rest.rpartition("::")[2])
        if " > " in rest:
            return cls(rest.partition(" > ")[0], rest.rpartition(" > ")[2])
        place, _, name = rest.rpartition("::") if "[" not in rest else _pytest(rest)
        bare, _, case = name.partition("[")
        return cls(place.partition("::")[0], bare, case.rstrip("]"))


def _go(rest: str) -> str:
    """`example.com/shop/cart.TestTotal/empty` -> `TestTotal/empty`."""
    match = re.search(r"\.((?:Test|Fuzz|Example|Benchmark)\w*(?:/.*)?)$", rest)
    return match[1] if match else rest


def _pytest(rest: str) -> tuple[str, str, str]:
    place, bracket, case = rest.partition("[")
    head, colons, name = place.rpartition("::")
    return head, colons, name + bracket + case


@dataclass(frozen=True)
class TestsBefore:
    """The base's tests held against the work's. `unchanged` are test files that the work left alone: path -> text."""

    __test__ = False

    change: Change
    base: RunnerReport
    work: RunnerReport
    unchanged: Mapping[str, str] = field(default_factory=dict)

    def gone(self) -> list[str]:
        """Ids that passed on the base and run no more, though nobody took their source out: that is for `scan` to judge."""
        moved = {(test.name, test.case) for test in map(TestName.of, self.work.ids(*RAN) - self.base.ids())}
        tests = [(test_id, TestName.of(test_id)) for test_id in self.missing()]
        return sorted(
            test_id
            for test_id, test in tests
            if (test.name, test.case) not in moved and not self._is_taken_out(test) and not self._is_kept(test)
        )

    def missing(self) -> frozenset[str]:
        """Ids that passed and are not there now. A file that node runs as one test, for want of tests in it, is none."""
        ids = self.base.ids(Outcome.PASSED) - self.work.ids()
        return frozenset(test_id for test_id in ids if not WHOLE_FILE.search(test_id))

    def unheard(self) -> list[str]:
        """Ids that ran on the base and are skipped, or expected to fail, now."""
        ran = self.base.ids(Outcome.PASSED, Outcome.FAILED)
        return sorted(ran & self.work.ids(Outcome.SKIPPED, Outcome.XFAILED))

    def new(self) -> frozenset[str]:
        """Ids that pass now, were not there before, and are not an old test in another shape."""
        fresh = self.work.ids(Outcome.PASSED) - self.base.ids()
        old = [self._old_tokens(TestName.of(test_id)) for test_id in self.missing()]
        return frozenset(test_id for test_id in fresh if not self._is_reshaped(TestName.of(test_id), old))

    def old_body(self, test: TestName) -> str:
        return _body(self._old, test)

    def new_body(self, test: TestName) -> str:
        """Its source now; that of the test that took its place where it has gone."""
        return _body(self._new, test) or _body(self._new, self.heir(test) or test)

    def rewritten(self, test: TestName) -> "Rewriting":
        """How the test's words changed; where its own are the same, those of its file and of what tests read."""
        old, new = self.old_body(test), self.new_body(test)
        if old and old != new:
            return Rewriting.of(old, new or self._new_text(test.file))
        changed = [file for file in self.change.files if not file.is_new]
        files = [file for file in changed if file.old_path == test.file or (test.file and is_support(file))]
        if not files:
            files = [file for file in changed if is_test_file(file.old_path)]
        inline = [
            Rewriting.of(tests_in(file.old_text), tests_in(file.new_text)) for file in changed if file not in files
        ]
        parts = [
            Rewriting.of(file.old_text, file.new_text, "" if is_test_code(file.path) else file.path) for file in files
        ]
        return Rewriting.joined([*parts, *inline])

    def old_file(self, test: TestName) -> str:
        """The text of the file that the test stood in, where its id names one that changed."""
        return next((file.old_text for file in self.change.files if test.file and file.old_path == test.file), "")

    def taken_out(self) -> dict[str, str]:
        """Tests whose source is gone from the files that changed: name -> what it was."""
        now = {name for bodies in self._new.values() for name in bodies}
        return {name: body for bodies in self._old.values() for name, body in bodies.items() if name not in now}

    def old_tokens(self, test: TestName) -> Tokens:
        return self._old_tokens(test)

    def _is_taken_out(self, test: TestName) -> bool:
        return bool(self.old_body(test)) and not _body(self._new, test)

    def _is_kept(self, test: TestName) -> bool:
        """Whether it still runs, with as many cases as before. Whether it says the same is seen when its old words are run."""
        if (test.file, test.name) not in self._running:
            return False
        return self._cases(self.work.ids(*RAN), test) >= self._cases(self.base.ids(), test)

    def heir(self, test: TestName) -> TestName | None:
        """The function that runs in its place: of its own name, else a new one that reads much the same."""
        if (test.file, test.name) in self._running:
            return test
        old = self.old_body(test)
        likeness = {TestName(*key): _alike(old, body) for key, body in self._newly_running.items()} if old else {}
        best = max(likeness, key=likeness.__getitem__, default=None)
        return best if best and likeness[best] >= MUCH_THE_SAME else None

    def _cases(self, ids: Iterable[str], test: TestName) -> int:
        """How many cases of the same function there are."""
        return sum((other.file, other.name) == (test.file, test.name) for other in map(TestName.of, ids))

    def _is_reshaped(self, test: TestName, old: list[Tokens]) -> bool:
        body = _body(self._new, test)
        mine = tokens(body)
        return bool(body) and any(wanted.all and _covers(mine, wanted) and _covers(wanted, mine) for wanted in old)

    def _old_tokens(self, test: TestName) -> Tokens:
        return tokens(self.old_body(test))

    def _new_text(self, path: str) -> str:
        return next((file.new_text for file in self.change.files if path in (file.path, file.old_path)), "")

    @cached_property
    def _old(self) -> dict[str, dict[str, str]]:
        """Path -> test name -> source, on the base; files that did not change among them."""
        changed = {file.old_path: test_bodies(file.old_path, file.old_text) for file in self.change.files if file.old}
        return changed | self._still

    @cached_property
    def _new(self) -> dict[str, dict[str, str]]:
        return {
            file.path: test_bodies(file.path, file.new_text) for file in self.change.files if file.new
        } | self._still

    @cached_property
    def _still(self) -> dict[str, dict[str, str]]:
        return {path: test_bodies(path, text) for path, text in self.unchanged.items() if is_test_code(path)}

    @cached_property
    def _running(self) -> dict[tuple[str, str], str]:
        """The sources of the tests that ran, by file and name; the whole files of those whose names are made at run time."""
        ran = [TestName.of(test_id) for test_id in self.work.ids(Outcome.PASSED, Outcome.XFAILED)]
        return {(test.file, test.name): _body(self._new, test) or self._new_text(test.file) for test in ran}

    @cached_property
    def _newly_running(self) -> dict[tuple[str, str], str]:
        before = {(test.file, test.name) for test in map(TestName.of, self.base.ids())}
        return dict(islice(((key, body) for key, body in self._running.items() if key not in before), MOST_HEIRS))


def is_support(file: FileChange) -> bool:
    """Whether it is something that tests read or share, rather than a file of tests."""
    path = file.old_path or file.path
    return is_test_file(path) and (not is_test_code(path) or not test_bodies(path, file.old_text))


def _body(files: Mapping[str, Mapping[str, str]], test: TestName) -> str:
    if test.file:
        return files.get(test.file, {}).get(test.name, "")
    return next(_named(files, test.name), "")


def _named(files: Mapping[str, Mapping[str, str]], name: str) -> Iterator[str]:
    yield from (bodies[name] for bodies in files.values() if name in bodies)


def _covers(have: Tokens, wanted: Tokens) -> bool:
    if not wanted.literals <= with_words(have.literals) | have.literals:
        return False
    return not wanted.names or len(wanted.names & have.names) >= NAMES_KEPT * len(wanted.names)


def _alike(old: str, new: str) -> float:
    """From 0 to 1, by the longest runs of the same words; 0 also where a look at the counts of words rules much out."""
    before, after = (re.findall(r"\w+|[^\w\s]", text)[:MOST_WORDS] for text in (old, new))
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    far = matcher.real_quick_ratio() < MUCH_THE_SAME or matcher.quick_ratio() < MUCH_THE_SAME
    return 0.0 if far else matcher.ratio()
