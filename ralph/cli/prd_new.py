"""`ralph prd new`: asks, shows and writes; the draft itself is made by `ralph.drafting`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.places import by_hand_option, recording_option, repo_option
from ralph.cli.prd_talk import announce, ask, tell

if TYPE_CHECKING:
    from ralph.drafting.questions import Answers


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
@by_hand_option
@recording_option
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
    from ralph.cli.prd_closing import Closing  # noqa: PLC0415
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
    announce(request, ground, "Drafting", target.notes)
    with open_desk(ground, request, tell) as desk:
        drafted = make_draft(desk, wish, target, _answers(answers, may_ask=has_person and not no_questions))
    closing = Closing(drafted, target, target.run_command(ground.repo.root))
    if as_json:
        return closing.in_json(yes=yes)
    return closing.on_terminal(yes=yes) if has_person else closing.in_pipe(yes=yes)


def _answers(given: tuple[str, ...], *, may_ask: bool) -> "Answers":
    from ralph.drafting.questions import Answers  # noqa: PLC0415

    return Answers(given, ask if may_ask else None)
