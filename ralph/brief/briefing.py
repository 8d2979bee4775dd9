"""The first user message of a session: everything that varies about a story, in one place and bounded.

Reads the repo's own rules from the worktree; knows nothing about conversations or models. Nothing in it tells the time
or the budget, so that the same story gives the same bytes.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from prd.story import Prd, Story
from ralph.brief.companions import project_rules, shortened
from ralph.brief.tree_listing import named_folders, tracked_paths, tree_listing
from ralph.checks.baseline import Baseline, BaseResult
from ralph.checks.check import Check
from ralph.prompts import prompt

MOST_PRODUCT_CHARS = 3_000
MOST_MORE_CHARS = 3_000
MOST_PROGRESS_CHARS = 8_000
MOST_ATTEMPT_CHARS = 4_000  # of each earlier attempt
MOST_NAMES = 10  # of red tests
MOST_ATTEMPTS = 3


NO_BASELINE = Baseline(results=())
NO_CRITERIA = "The story names none: its own words above are what counts. `criteria` of `finish` is `[]` then."


@dataclass(frozen=True)
class Brief:
    """What is known before the agent starts. `previous`: what failed attempts found out, oldest first."""

    story: Story
    checks: Sequence[Check]
    branch: str
    base_sha: str
    root: Path
    progress: str = ""
    previous: Sequence[str] = ()
    baseline: Baseline = NO_BASELINE  # the checks before any change
    prd: Prd | None = None  # what the story is a part of
    done: Collection[str] = ()  # ids of the PRD's stories that are done
    checkout: Path | None = None  # the user's: for companions that are not tracked
    kept_files: Sequence[str] = ()  # the PRD and the progress log, which Ralph writes itself


def first_message(brief: Brief) -> str:
    """The story, its criteria, the checks, the repo's files and rules, and what earlier stories and attempts left."""
    story = brief.story
    paths = tracked_paths(brief.root, brief.base_sha)
    words = "\n".join([story.title, story.description, story.notes, *story.acceptance_criteria])
    folders = named_folders(paths, words)
    return prompt(
        "story",
        id=story.id,
        title=_flat(story.title),
        description=_paragraphs(story.description, story.notes and f"Notes of the PRD: {story.notes}", _more(story)),
        criteria=_bullets(story.acceptance_criteria) or NO_CRITERIA,
        checks=_bullets([_check_line(check, brief.baseline.of(check.name)) for check in brief.checks]) or "(none)",
        builds_on=_section("Builds on", _builds_on(brief)),
        product=_section("The PRD that it is a part of", _product(brief.prd)),
        repository=_repository(brief, paths, folders),
        rules=_section("The project's own rules", project_rules(brief.root, folders, brief.checkout)),
        progress=_section(
            "Notes from earlier stories (their work is in the tree already)",
            shortened(brief.progress, MOST_PROGRESS_CHARS),
        ),
        previous=_previous(brief.previous),
    )


def _more(story: Story) -> str:
    """What the PRD says of the story under keys of its own."""
    return shortened(_bullets([_flat(line) for line in story.more]), MOST_MORE_CHARS)


def _check_line(check: Check, base: BaseResult | None) -> str:
    place = "" if check.cwd == "." else f" (in {check.cwd})"
    return f"{check.name}: `{check.command}`{place}{_before(base)}"


def _before(base: BaseResult | None) -> str:
    """How the check ended before the work."""
    if base is None:
        return ""
    if base.passed:
        return " - passed before your change"
    return f" - red before your change{_red_tests(base)}; you are not blamed for it, but do not make it worse"


def _red_tests(base: BaseResult) -> str:
    if not base.failing:
        return f" ({base.failures} failing)" if base.failures else ""
    more = [f"{len(base.failing) - MOST_NAMES} more"] if len(base.failing) > MOST_NAMES else []
    return f" ({', '.join([*base.failing[:MOST_NAMES], *more])})"


def _repository(brief: Brief, paths: Sequence[str], folders: Sequence[str]) -> str:
    return "\n".join(
        [
            f"A clean worktree of branch {brief.branch} at {brief.base_sha[:12]}. Its files:",
            tree_listing(paths, folders),
            *_kept(brief.kept_files, paths),
        ]
    )


def _kept(names: Sequence[str], paths: Sequence[str]) -> Iterator[str]:
    """Which files of the tree are the harness's."""
    if there := [f"`{name}`" for name in names if name in paths]:
        yield f"Not yours to edit, since the harness keeps {'it' if len(there) == 1 else 'them'}: {', '.join(there)}."


def _product(prd: Prd | None) -> str:
    """What the whole PRD is about."""
    if prd is None:
        return ""
    return shortened(_given(f"Project: {prd.project}" if prd.project else "", prd.description), MOST_PRODUCT_CHARS)


def _builds_on(brief: Brief) -> str:
    """The stories that this one depends on."""
    stories = {story.id: story for story in brief.prd.stories} if brief.prd else {}
    named = [stories[one] for one in brief.story.depends_on if one in stories]
    return _bullets(
        [f"{one.id} - {_flat(one.title)} ({'done' if one.id in brief.done else 'not done yet'})" for one in named]
    )


def _flat(text: str) -> str:
    return " ".join(text.split())


def _previous(attempts: Sequence[str]) -> str:
    if not attempts:
        return ""
    recent = [shortened(words, MOST_ATTEMPT_CHARS) for words in attempts[-MOST_ATTEMPTS:]]
    return f"\n{prompt('previous', attempts=_numbered(recent, len(attempts) - len(recent) + 1))}\n"


def _numbered(items: Sequence[str], first: int) -> str:
    return "\n\n".join(f"Attempt {number}:\n{item}" for number, item in enumerate(items, first))


def _bullets(items: Sequence[str]) -> str:
    return "\n".join(f"- {item.strip()}" for item in items)


def _section(title: str, body: str) -> str:
    return f"\n## {title}\n{body}\n" if body else ""


def _paragraphs(*parts: str) -> str:
    """The parts as a block with empty lines around it; nothing at all for nothing."""
    body = _given(*parts)
    return f"\n{body}\n" if body else ""


def _given(*parts: str) -> str:
    return "\n\n".join(part.strip() for part in parts if part.strip())
