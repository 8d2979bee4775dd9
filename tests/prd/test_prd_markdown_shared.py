"""Markdown PRDs that people really wrote, when the folder with them is beside the clone."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from prd.document import Document, apply_edits
from prd.errors import PrdError
from prd.read import parse_prd, read_document
from prd.writeback import mark

FOLDER = Path(__file__).parents[2].parent / "shared" / "prds" / "markdown"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="no collection of PRDs beside the clone")


@dataclass(frozen=True)
class Expected:
    file: str
    dialect: str
    stories: int
    done: int
    first: tuple[str, str]
    last: tuple[str, str]


LIST = "Markdown task list"
STORIES = "Markdown, user stories with criteria (snarktank)"
STATUS = "Markdown, headings with a status line"
EXPECTED = (
    Expected(
        "Arize-ai__phoenix__2__TASKS.md",
        STATUS,
        30,
        29,
        (
            "scaffold-package",
            "Create js/packages/phoenix-insight: package.json with deps, tsconfig, bin entry, README",
        ),
        ("tests", "Tests got broken by some commit. Fix them all."),
    ),
    Expected(
        "HKUDS__nanobot__1__fix_plan.excerpt.md",
        LIST,
        10,
        0,
        ("create-nanobot-memory-init-py", "Create nanobot/memory/__init__.py with module exports"),
        ("performance-profiling-and-optimization", "Performance profiling and optimization pass"),
    ),
    Expected(
        "blooop__python_template__1__@fix_plan.md",
        LIST,
        2,
        2,
        ("initial-ralph-setup", "Initial Ralph setup"),
        (
            "add-ralph-state-files-to-gitignore",
            "Add Ralph state files to .gitignore to prevent dirty repo state",
        ),
    ),
    Expected(
        "frankbria__ralph-claude-code__1__fix_plan.md",
        LIST,
        7,
        7,
        (
            "POLISH-1",
            "Export ComplexityBand, TrustTier, RiskFlag, IntentSpecInput, TaskPacketInput from __init__.py",
        ),
        ("POLISH-7", "Add tokens_in: int = 0 and tokens_out: int = 0 fields to TaskResult and EvidenceBundle."),
    ),
    Expected(
        "frankbria__ralph-claude-code__4__fix_plan.md",
        LIST,
        12,
        0,
        ("set-up-package-json-with-commander", "Set up package.json with commander and jest dependencies"),
        ("add-a-todo-clear-command-to-remove-all", "Add a todo clear command to remove all completed tasks"),
    ),
    Expected(
        "jscraik__ralph-gold__2__PRD.md",
        LIST,
        37,
        37,
        ("add-loop-mode-config-schema-parsing", "Add loop mode config schema + parsing"),
        ("add-unit-tests-for-prd-update-gate", "Add unit tests for PRD update gate"),
    ),
    Expected(
        "mikeyobrien__ralph-orchestrator__1__IMPLEMENTATION_PLAN.md",
        STATUS,
        4,
        2,
        ("stage-1", "Spec & Scope Confirmation"),
        ("stage-4", "Verification & Cleanup"),
    ),
    Expected(
        "snarktank__ralph__1__prd-codebase-audit.md",
        STORIES,
        26,
        0,
        ("US-001", "Create audit module structure"),
        ("US-026", "Integration test on Ralph's own codebase"),
    ),
    Expected(
        "snarktank__ralph__4__prd-parallel-execution.md",
        STORIES,
        15,
        0,
        ("US-001", "Extend PRD schema with dependency fields"),
        ("US-015", "Add parallel execution documentation"),
    ),
    Expected(
        "umputun__ralphex__3__e2e-test-coverage.md",
        "Markdown, plan with tasks (ralphex)",
        11,
        1,
        ("task-1", "Create comprehensive test fixture with all event types"),
        ("task-11", "Update documentation"),
    ),
)
WORDS = {"complete", "pending", "Complete", "Not Started"}
NO_STORIES = "subsy__ralph-tui__3__2026-02-10-parallel-execution-prd.md"


def read(file: str) -> tuple[bytes, Document]:
    data = (FOLDER / file).read_bytes()
    return data, read_document(data, file)[1]


def test_every_file_of_the_collection_is_in_this_table() -> None:
    assert {path.name for path in FOLDER.glob("*.md")} == {entry.file for entry in EXPECTED} | {NO_STORIES}


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda entry: entry.file)
def test_a_file_is_read_as_its_author_meant_it(expected: Expected) -> None:
    _, document = read(expected.file)
    stories = document.prd.stories
    assert document.problems == ()
    assert document.dialect == expected.dialect
    assert (len(stories), sum(story.passes for story in stories)) == (expected.stories, expected.done)
    assert (stories[0].id, stories[0].title) == expected.first
    assert (stories[-1].id, stories[-1].title) == expected.last
    assert not any(story.optional or story.held for story in stories)


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda entry: entry.file)
def test_making_a_story_done_or_open_flips_it_alone_and_changes_only_its_flag(expected: Expected) -> None:
    data, document = read(expected.file)
    text = data.decode()
    before = {story.id: story.passes for story in document.prd.stories}
    for story_id, passes in before.items():
        edits = document.set_done(story_id, not passes)
        flipped = read_document(apply_edits(text, edits).encode(), expected.file)[1].prd
        assert {story.id: story.passes for story in flipped.stories} == before | {story_id: not passes}
        assert all(text[edit.start : edit.end] in {"", " ", "x", *WORDS} for edit in edits)
        assert all(edit.text in {" ", "x", *WORDS} for edit in edits)


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda entry: entry.file)
def test_marking_a_story_back_restores_every_byte(expected: Expected) -> None:
    data, document = read(expected.file)
    story = document.prd.stories[0]
    there = mark(data, story.id, passes=not story.passes, name=expected.file)
    assert there != data
    assert mark(there, story.id, passes=story.passes, name=expected.file) == data


def test_a_prd_of_prose_only_is_refused_with_what_was_looked_for() -> None:
    with pytest.raises(PrdError) as refused:
        parse_prd((FOLDER / NO_STORIES).read_bytes(), NO_STORIES)
    assert str(refused.value) == (
        f"{NO_STORIES}:1:1: there is no story in this file: no checkbox in a list, and no heading like "
        '"### US-001: Title" or "### Task 1: Title". '
        'Write one line for each story, for example "- [ ] Add a login page".'
    )


def test_priorities_come_from_section_headings_and_from_the_front_of_items() -> None:
    _, sections = read("frankbria__ralph-claude-code__4__fix_plan.md")
    _, items = read("HKUDS__nanobot__1__fix_plan.excerpt.md")
    assert [story.priority for story in sections.prd.stories] == [1] * 3 + [2] * 4 + [3] * 5
    assert [story.priority for story in items.prd.stories] == [1, 1, 1, 2, 3, 1, 2, 3, 2, 3]


def test_dependencies_and_stages_keep_what_stands_under_them() -> None:
    _, tasks = read("Arize-ai__phoenix__2__TASKS.md")
    _, stages = read("mikeyobrien__ralph-orchestrator__1__IMPLEMENTATION_PLAN.md")
    assert tasks.prd.story("agent-setup").depends_on == (
        "sandbox-mode",
        "local-mode",
        "system-prompt",
        "px-fetch-more-spans",
        "px-fetch-more-trace",
    )
    assert "AI generation failed" in tasks.prd.story("agent-tools").description
    assert stages.prd.story("stage-2").acceptance_criteria[-1] == (
        "Tests: `cargo test -p ralph-cli`, `cargo test -p ralph-core`."
    )
    assert "Merge Queue (panel)" in stages.prd.story("stage-3").description
