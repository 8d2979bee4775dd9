"""`ralph prd new`: asks, shows and writes; the draft itself is made by `ralph.drafting`."""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.places import repo_option
from ralph.errors import ExitCode

if TYPE_CHECKING:
    from prd.story import Prd
    from ralph.drafting.draft import Drafted
    from ralph.drafting.questions import Answers, Question
    from ralph.drafting.target import Target
    from ralph.drafting.tools import Draft
    from ralph.events import Event

NOT_WRITTEN = int(ExitCode.STORIES_REMAIN)


@click.command("new", epilog='Example: ralph prd new "export the list as CSV" --max-cost 1')
@click.argument("wish")
@repo_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write, or the PRD to add to. [default: this repo's PRD, else prd.json]",
)
@click.option("--yes", is_flag=True, help="Write without asking.")
@click.option("--max-cost", metavar="USD", help="Never spend more than this. [default: limits.per_run_usd]")
@click.option(
    "--answer", "answers", multiple=True, metavar="TEXT", help="Answer to the model's next question; repeat it."
)
@click.option("--no-questions", is_flag=True, help="Have the model decide, and say what it assumed.")
@click.option("--json", "as_json", is_flag=True, help="The result as one JSON object; asks nothing.")
@click.option(
    "--by-hand",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="You are the model: requests are written here, answers read from here.",
)
@click.option(
    "--recording",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Play a recorded model session instead of calling a model.",
)
def new_command(
    wish: str,
    *,
    repo: Path,
    out: Path | None,
    yes: bool,
    max_cost: str | None,
    answers: tuple[str, ...],
    no_questions: bool,
    as_json: bool,
    by_hand: Path | None,
    recording: Path | None,
) -> int:
    """Have a model draft the stories for WISH from this repo's code and a few questions.

    You see the draft and what it cost; nothing is written before you say yes, and Ralph does not commit it. A repo that
    has a PRD gets the new stories behind those that are there.

    Without a terminal nothing is asked: the draft goes to standard output, and --yes writes it. Exit code 1 when nothing was
    written, 3 when the limit was reached.
    """
    from ralph.drafting.desk import open_desk, read_ground  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.drafting.draft import make_draft  # noqa: PLC0415
    from ralph.drafting.target import find_target  # noqa: PLC0415
    from ralph.survey import RunRequest  # noqa: PLC0415

    if not wish.strip():
        raise click.UsageError('say what you want, for example: ralph prd new "export the list as CSV"')
    if no_questions and answers:
        raise click.UsageError("--answer and --no-questions exclude each other.")
    overrides = {"limits.per_run_usd": max_cost} if max_cost is not None else {}
    request = RunRequest(repo=repo, by_hand=by_hand, recording=recording, overrides=overrides)
    ground = read_ground(request)
    target = find_target(ground.repo.root, out)
    has_person = not as_json and sys.stdin.isatty() and sys.stdout.isatty()
    with open_desk(ground, request, _tell) as desk:
        drafted = make_draft(desk, wish, target, _answers(answers, may_ask=has_person and not no_questions))
    desk_words = _Closing(drafted, target)
    if as_json:
        return desk_words.as_json(yes=yes)
    return desk_words.on_terminal(yes=yes) if has_person else desk_words.in_pipe(yes=yes)


def _answers(given: tuple[str, ...], *, may_ask: bool) -> "Answers":
    from ralph.drafting.questions import Answers  # noqa: PLC0415

    return Answers(given, _ask if may_ask else None)


def _ask(question: "Question", number: int, of: int) -> str:
    """One question on the terminal: a number takes that suggestion, Enter the first, - none."""
    from ralph.screen_text import one_line  # noqa: PLC0415

    click.echo(f"\nQuestion {number} of {of}: {one_line(question.question)}")
    if question.why:
        click.echo(f"  ({one_line(question.why)})")
    for place, suggestion in enumerate(question.suggestions, 1):
        click.echo(f"  {place}. {one_line(suggestion)}")
    keys = "Enter takes 1, - leaves it to the model" if question.suggestions else "Enter leaves it to the model"
    said = _read(f"Your answer ({keys}): ")
    if said == "-" or (not said and not question.suggestions):
        return ""
    if not said:
        return question.suggestions[0]
    chosen = int(said) if said.isdecimal() and 1 <= int(said) <= len(question.suggestions) else 0
    return question.suggestions[chosen - 1] if chosen else said


def _read(words: str) -> str:
    """A line from the terminal. Ctrl-C and the end of the input stop the command: nothing is written."""
    try:
        return str(click.prompt(words, default="", show_default=False, prompt_suffix="")).strip()
    except click.Abort as abort:
        raise KeyboardInterrupt from abort


def _tell(event: "Event") -> None:
    """What goes on, beside the result: on standard error."""
    from ralph.events import EventKind  # noqa: PLC0415
    from ralph.screen_text import on_screen  # noqa: PLC0415

    own = str(event.fields.get("tool", "")) in {"ask", "propose"}
    if event.kind is EventKind.TOOL_STARTED or (own and not event.fields.get("is_error")):
        return
    text = "the draft has weak spots; the model mends them" if own else event.text
    click.echo(f"  {on_screen(text)}", err=True)


@dataclass(frozen=True)
class _Closing:
    """What becomes of the draft."""

    drafted: "Drafted"
    target: "Target"

    @property
    def draft(self) -> "Draft":
        return self.drafted.draft

    def on_terminal(self, *, yes: bool) -> int:
        draft = self.draft
        while True:
            self._show(draft)
            said = "y" if yes else _read(f"\n{self._question(draft.prd)} [y/N/e] (e: edit it first) ").lower()
            if said in {"y", "yes"}:
                return self._write(draft.prd)
            if said not in {"e", "edit"}:
                click.echo(f"Nothing was written. The draft is kept: {self._trace}")
                return NOT_WRITTEN
            draft = self._edited(draft)

    def in_pipe(self, *, yes: bool) -> int:
        from ralph.drafting.proposal import as_json  # noqa: PLC0415

        if yes:
            self._show(self.draft)
            return self._write(self.draft.prd)
        click.echo(as_json(self.draft.prd), nl=False)
        click.echo(f"{self._weak_spots()}{self._cost}", err=True)
        click.echo(f"Nothing was written, since nobody could be asked. {self._how_to_write}", err=True)
        return NOT_WRITTEN

    def as_json(self, *, yes: bool) -> int:
        from ralph.drafting.proposal import as_json  # noqa: PLC0415

        if yes:
            self.target.write(self.draft.prd, as_json(self.draft.prd))
        facts = {
            "prd": json.loads(as_json(self.draft.prd)),
            "findings": [vars(finding) for finding in self.draft.findings],
            "cost_usd": self.drafted.cost_usd,
            "trace": self.drafted.trace_id,
            "file": self.target.name,
            "written": yes,
        }
        click.echo(json.dumps(facts, ensure_ascii=False))
        return 0 if yes else NOT_WRITTEN

    def _show(self, draft: "Draft") -> None:
        from ralph.drafting.show import shown  # noqa: PLC0415

        click.echo("\n" + shown(draft.prd, draft.findings, self.target, shutil.get_terminal_size().columns))
        click.echo(f"\n{self._cost}")

    def _edited(self, draft: "Draft") -> "Draft":
        """The draft as the person's editor leaves it; as it was when that makes no PRD and they give up."""
        from prd.errors import PrdError  # noqa: PLC0415
        from ralph.drafting.proposal import as_json, edited  # noqa: PLC0415
        from ralph.drafting.tools import Draft, findings_of  # noqa: PLC0415

        text = as_json(draft.prd)
        while True:
            text = click.edit(text, extension=".json") or text
            try:
                prd = edited(text, self.target)
            except PrdError as error:
                click.echo(f"\n{error}", err=True)
                if _read("Go on editing? [Y/n] (n: back to the draft as it was) ").lower() in {"n", "no"}:
                    return draft
            else:
                return Draft(prd, tuple(findings_of(prd, self.target, ())))

    def _write(self, draft: "Prd") -> int:
        from prd.errors import PrdError  # noqa: PLC0415
        from ralph.drafting.proposal import as_json  # noqa: PLC0415
        from ralph.drafting.show import counted  # noqa: PLC0415
        from ralph.errors import RalphError  # noqa: PLC0415

        try:
            self.target.write(draft, as_json(draft))
        except (PrdError, RalphError):
            click.echo(as_json(draft), nl=False)
            raise
        done = "Added" if self.target.prd else "Wrote"
        where = f"{'to' if self.target.prd else 'as'} {self.target.name}"
        click.echo(f"{done} {counted(draft)} {where}. Ralph does not commit it: look at it, commit it, then: ralph run")
        return 0

    def _question(self, draft: "Prd") -> str:
        from ralph.drafting.show import counted  # noqa: PLC0415

        return f"Add {counted(draft)} to {self.target.name}?" if self.target.prd else f"Write {self.target.name}?"

    def _weak_spots(self) -> str:
        return "".join(f"! {one.story_id}: {one.what} {one.remedy}\n" for one in self.draft.findings)

    @property
    def _cost(self) -> str:
        simulated = " (simulated)" if self.drafted.played_by else ""
        return f"Cost ${self.drafted.cost_usd:.4f}{simulated}; how it came about: {self._trace}"

    @property
    def _trace(self) -> str:
        return f"ralph trace {self.drafted.trace_id[:8]}"

    @property
    def _how_to_write(self) -> str:
        if self.target.prd:
            return f"Add the stories above to {self.target.name} by hand, or give --yes next time."
        return f"Save the above as {self.target.name}, or give --yes next time."
