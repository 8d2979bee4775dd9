"""`ralph prd show`: the stories as Ralph reads them."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.complete import story_ids
from ralph.cli.places import repo_root, shown
from ralph.cli.table import screen_width
from ralph.cli.traces import echo_json
from tracing.words import plain, plain_lines

if TYPE_CHECKING:
    from prd.document import Document
    from prd.pick import Reason
    from prd.story import Story


@click.command("show", epilog="Example: ralph prd show --story US-003")
@click.argument("prd", metavar="[PATH]", required=False, type=click.Path(path_type=Path))
@click.option("--story", "story_id", metavar="ID", shell_complete=story_ids, help="This one alone.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def show_command(prd: Path | None, *, story_id: str | None, as_json: bool) -> None:
    """Show the stories of a PRD as Ralph reads them: state, priority, dependencies, criteria, and what was decided in reading.

    The file alone is read: `ralph status` also knows what was committed and what is parked. Nothing in it is run.
    """
    from prd.find import find  # noqa: PLC0415  # slow for --help
    from prd.read import read_good  # noqa: PLC0415
    from ralph.history.story_status import named_story  # noqa: PLC0415

    here, root = Path.cwd(), repo_root(Path.cwd())
    found = find(root, prd)
    name = shown(found.path, here)
    source, document = read_good(found.path, name)
    notes = (*found.notes(root), *document.notes)
    chosen = document.prd.stories if story_id is None else (named_story(document.prd, story_id, name),)
    places = {story.id: source.place(document.places[story.id]) for story in chosen}
    if as_json:
        echo_json(_as_json(document, name, notes, chosen, places))
    else:
        click.echo("\n".join(_lines(document, name, notes, chosen, places, whole=story_id is not None)))


def _as_json(
    document: "Document", name: str, notes: tuple[str, ...], chosen: "tuple[Story, ...]", places: dict[str, str]
) -> dict[str, object]:
    reasons = _reasons(document)
    stories = [
        {
            **story.model_dump(mode="json"),
            "verdict": reasons[story.id].verdict,
            "reason": reasons[story.id].text,
            "place": places[story.id],
        }
        for story in chosen
    ]
    head = document.prd.model_dump(mode="json", exclude={"stories"})
    return {"prd": name, "dialect": document.dialect, **head, "notes": list(notes), "stories": stories}


def _reasons(document: "Document") -> "dict[str, Reason]":
    from prd.pick import pick  # noqa: PLC0415

    return dict(pick(document.prd).reasons)


def _lines(
    document: "Document",
    name: str,
    notes: tuple[str, ...],
    chosen: "tuple[Story, ...]",
    places: dict[str, str],
    *,
    whole: bool,
) -> Iterator[str]:
    from prd.check import summary_line  # noqa: PLC0415

    prd = document.prd
    yield plain(summary_line(prd, name))
    about = [f"project {prd.project}"] if prd.project else []
    about += [f"branch {prd.branch_name}"] if prd.branch_name else []
    yield plain("; ".join([document.dialect, *about]))
    yield from (f"note: {plain(note)}" for note in notes)
    reasons = _reasons(document)
    for story in chosen:
        yield ""
        yield f"{plain(story.id)}  {plain(story.title)}"
        place = (places[story.id],) if whole else ()
        body = _told(story, reasons[story.id]) if whole or not story.passes else (reasons[story.id].text,)
        yield from (f"    {line}" for line in (*place, *body))


def _told(story: "Story", reason: "Reason") -> Iterator[str]:
    yield plain(reason.text)
    known = [f"priority {story.priority}"] if story.priority is not None else []
    known += [f"depends on {', '.join(story.depends_on)}"] if story.depends_on else []
    if known:
        yield plain("; ".join(known))
    if story.description != story.title:
        yield from _wrapped(story.description, "")
    for criterion in story.acceptance_criteria:
        yield from _wrapped(criterion, "- ")
    for text in story.more:
        yield from _wrapped(text, "")
    yield from _wrapped(story.notes and f"notes: {story.notes}", "")


def _wrapped(text: str, mark: str) -> Iterator[str]:
    """Lines that fit on the screen; the second and later ones stand under the text of the first."""
    for number, line in enumerate(plain_lines(text.strip()) if text.strip() else []):
        first = mark if number == 0 else " " * len(mark)
        width = screen_width() - 4
        yield from textwrap.wrap(
            line, width, initial_indent=first, subsequent_indent=" " * len(mark), break_on_hyphens=False
        ) or [""]
