"""Talking with the person while a model works on a PRD: questions on the terminal, what goes on to standard error."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ralph.drafting.desk import Ground
    from ralph.drafting.questions import Question
    from ralph.events import Event
    from ralph.survey import RunRequest


def announce(request: "RunRequest", ground: "Ground", doing: str, notes: Sequence[str] = ()) -> None:
    who = "you as the model, by hand" if request.by_hand else "a recording" if request.recording else ground.model
    limit_usd = ground.settings.limits.per_run_usd
    click.echo(f"{doing} with {who}, for at most ${limit_usd:.2f}. Ctrl-C ends it; nothing is written.", err=True)
    for note in notes:
        click.echo(f"  note: {note}", err=True)


def ask(question: "Question", number: int, of: int) -> str:
    """One question on the terminal: a number takes that suggestion, Enter the first, - none."""
    from ralph.screen_text import one_line  # noqa: PLC0415

    click.echo(f"\nQuestion {number} of {of}: {one_line(question.question)}")
    if question.why:
        click.echo(f"  ({one_line(question.why)})")
    for place, suggestion in enumerate(question.suggestions, 1):
        click.echo(f"  {place}. {one_line(suggestion)}")
    keys = "Enter takes 1, - leaves it to the model" if question.suggestions else "Enter leaves it to the model"
    said = read_line(f"Your answer ({keys}): ")
    if said == "-" or (not said and not question.suggestions):
        return ""
    if not said:
        return question.suggestions[0]
    chosen = int(said) if said.isdecimal() and 1 <= int(said) <= len(question.suggestions) else 0
    return question.suggestions[chosen - 1] if chosen else said


def read_line(words: str) -> str:
    """A line from the terminal. Ctrl-C and the end of the input stop the command: nothing is written."""
    try:
        return str(click.prompt(words, default="", show_default=False, prompt_suffix="")).strip()
    except click.Abort as abort:
        raise KeyboardInterrupt from abort


def tell(event: "Event") -> None:
    """What goes on, beside the result: on standard error."""
    from ralph.events import EventKind  # noqa: PLC0415
    from ralph.screen_text import on_screen  # noqa: PLC0415

    own = str(event.fields.get("tool", "")) in {"ask", "propose", "report"}
    if event.kind is EventKind.TOOL_STARTED or (own and not event.fields.get("is_error")):
        return
    text = "what was handed in is not right yet; the model mends it" if own else event.text
    indent = "    " if event.kind is EventKind.TOOL else "  "
    click.echo(f"{indent}{on_screen(text)}", err=True)
