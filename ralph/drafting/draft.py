"""Has a model draft a PRD: looks at the repo, holds the conversation, gives what came of it. Writes nothing."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from prd.convert import snarktank_text
from prd.story import Prd
from ralph.brief.companions import project_rules
from ralph.brief.tree_listing import named_folders, tracked_paths, tree_listing
from ralph.drafting.chat import Chat
from ralph.drafting.desk import Desk, Ground
from ralph.drafting.questions import Answers
from ralph.drafting.reading import ReadingTools
from ralph.drafting.target import Target
from ralph.drafting.tools import Draft, DraftTools
from ralph.drafting.words import words_of
from ralph.excerpts import clean_text
from ralph.prompts import prompt
from ralph.screen_text import one_line

MOST_README_CHARS = 4_000
MOST_STORIES_SHOWN = 60
CAN_ASK = "The person can answer questions: use `ask`, sparingly."
CANNOT_ASK = "Nobody can answer questions. Decide yourself, and name your assumptions in the description {where}."


@dataclass(frozen=True)
class Drafted:
    """What came of it, what it cost and where it can be looked up."""

    draft: Draft
    cost_usd: float
    trace_id: str
    played_by: str | None = None


def make_draft(desk: Desk, wish: str, target: Target, answers: Answers) -> Drafted:
    """Raises: RalphError: a limit was reached, the service is away, or the model handed nothing in."""
    ground = desk.ground
    with (
        desk.trace({"ralph.prd": target.name, "ralph.story.title": f"draft: {one_line(wish)}"}) as trace,
        closing(ReadingTools(ground.repo.root, desk.scratch, desk.sandbox)) as reading,
    ):
        tools = DraftTools(reading, answers, target, words_of(ground.checks))
        trace.root.set_input(wish)
        Chat(desk, trace, tools, prompt("draft_prd")).hold(first_message(ground, wish, target, answers))
        assert tools.draft is not None
        trace.root.set_output(snarktank_text(tools.draft.prd))
    return Drafted(tools.draft, desk.spent_usd, trace.trace_id, desk.played_by)


def first_message(ground: Ground, wish: str, target: Target, answers: Answers) -> str:
    root = ground.repo.root
    paths = tracked_paths(root, ground.repo.head)
    folders = named_folders(paths, wish)
    return prompt(
        "draft_start",
        wish=wish.strip(),
        questions=CAN_ASK if answers.can_answer else CANNOT_ASK.format(where=_where(target)),
        repo=root.name,
        files=tree_listing(paths, folders),
        readme=_section("README", _readme(root, paths)),
        rules=_section("The project's own rules", project_rules(root, folders)),
        checks="\n".join(f"- {check.name}: `{check.command}`" for check in ground.checks)
        or "(none were found: a first story may have to add tests)",
        existing=_section(f"The PRD that is there ({target.name})", _existing(target.prd)),
    )


def _where(target: Target) -> str:
    return "of each story that they touch" if target.prd else "of the PRD"


def _existing(prd: Prd | None) -> str:
    if prd is None:
        return ""
    shown = prd.stories[-MOST_STORIES_SHOWN:]
    left_out = len(prd.stories) - len(shown)
    lines = [f"- {story.id} {' '.join(story.title.split())} ({'done' if story.passes else 'open'})" for story in shown]
    return "\n".join(
        [
            "Your stories are added behind these; only the stories, so what must be known stands in them. Do not repeat them.",
            *([f"({left_out} earlier ones are left out)"] if left_out else []),
            *lines,
        ]
    )


def _readme(root: Path, paths: Sequence[str]) -> str:
    name = next((path for path in paths if path.lower().startswith("readme") and "/" not in path), None)
    if name is None or not (root / name).is_file() or (root / name).is_symlink():
        return ""
    text = clean_text((root / name).read_text(encoding="utf-8", errors="replace")).strip()
    return text if len(text) <= MOST_README_CHARS else f"{text[:MOST_README_CHARS]}\n[...]"


def _section(title: str, body: str) -> str:
    return f"\n## {title}\n{body}\n" if body else ""
