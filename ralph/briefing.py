"""The first user message of a session: everything that varies about a story, in one place and bounded.

Reads the repo's own rules from the worktree; knows nothing about conversations or models. Nothing in it tells the time
or the budget, so that the same story gives the same bytes.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from prd.story import Story
from ralph.checks.check import Check
from ralph.prompts import prompt

RULE_FILES = ("AGENTS.md", "CLAUDE.md")
MOST_RULES_CHARS = 12_000  # of each file
MOST_PROGRESS_CHARS = 8_000
MOST_ATTEMPT_CHARS = 4_000  # of each earlier attempt
MOST_ATTEMPTS = 3
MOST_ENTRIES = 60


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
    red_on_base: Collection[str] = ()  # names of checks that failed before any change


def first_message(brief: Brief) -> str:
    """The story, its criteria, the checks, the state of the repo, its rules, and what earlier stories and attempts left."""
    return prompt(
        "story",
        id=brief.story.id,
        title=" ".join(brief.story.title.split()),
        description=_given(brief.story.description, brief.story.notes and f"Notes of the PRD: {brief.story.notes}")
        or "(no description)",
        criteria=_bullets(brief.story.acceptance_criteria) or "(none given: the title and the description say it all)",
        checks=_bullets([_check_line(check, brief.red_on_base) for check in brief.checks]) or "(none)",
        git_state=_git_state(brief),
        rules=_section("The project's own rules", project_rules(brief.root)),
        progress=_section(
            "Notes from earlier stories (their work is in the tree already)",
            shortened(brief.progress, MOST_PROGRESS_CHARS),
        ),
        previous=_previous(brief.previous),
    )


def project_rules(root: Path) -> str:
    """AGENTS.md and CLAUDE.md of the worktree, each once, each bounded; a link that leads out of it is not followed."""
    found: dict[Path, str] = {}
    for name in RULE_FILES:
        path = (root / name).resolve()
        if path.is_file() and path.is_relative_to(root.resolve()) and path not in found:
            words = path.read_text(encoding="utf-8", errors="replace").strip()
            found[path] = f"### {name}\n{shortened(words, MOST_RULES_CHARS)}"
    return "\n\n".join(found.values())


def shortened(text: str, limit_chars: int) -> str:
    """The text, or its beginning and its end where it is longer than `limit_chars`."""
    clean = text.strip()
    if len(clean) <= limit_chars:
        return clean
    half = limit_chars // 2
    return f"{clean[:half]}\n[... {len(clean) - 2 * half} characters left out ...]\n{clean[-half:]}"


def _check_line(check: Check, red_on_base: Collection[str]) -> str:
    place = "" if check.cwd == "." else f" (in {check.cwd})"
    red = (
        " - red before your change; it is not yours to blame, but do not make it worse"
        if check.name in red_on_base
        else ""
    )
    return f"{check.name}: `{check.command}`{place}{red}"


def _git_state(brief: Brief) -> str:
    entries = sorted(
        f"{path.name}/" if path.is_dir() else path.name for path in brief.root.iterdir() if path.name != ".git"
    )
    more = f" and {len(entries) - MOST_ENTRIES} more" if len(entries) > MOST_ENTRIES else ""
    listing = " ".join(entries[:MOST_ENTRIES]) or "(empty)"
    return f"A clean worktree of branch {brief.branch} at {brief.base_sha[:12]}. At its root: {listing}{more}"


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


def _given(*parts: str) -> str:
    return "\n\n".join(part.strip() for part in parts if part.strip())
