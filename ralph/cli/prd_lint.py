"""`ralph prd lint`: what is hard about a PRD's stories, with the place of each; by fixed rules, and by a model if asked."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.places import repo_root, shown
from ralph.errors import ExitCode

if TYPE_CHECKING:
    from prd.lint import Finding
    from prd.story import Prd
    from ralph.drafting.judge import Judged
    from ralph.survey import RunRequest

BY_RULE, BY_MODEL = "rule", "model"


@click.command("lint", epilog="Example: ralph prd lint tasks/prd.json --judge --max-cost 0.50")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The findings as a JSON list.")
@click.option("--judge", "asks_model", is_flag=True, help="Ask the judge's model too; its findings are advice.")
@click.option("--max-cost", metavar="USD", help="With --judge: never spend more. [default: limits.per_run_usd]")
@click.option("--by-hand", type=click.Path(path_type=Path), metavar="FOLDER", help="With --judge: you are the model.")
@click.option(
    "--recording", type=click.Path(path_type=Path), metavar="FILE", help="With --judge: a recording is the model."
)
def lint_command(
    path: Path | None,
    *,
    as_json: bool,
    asks_model: bool,
    max_cost: str | None,
    by_hand: Path | None,
    recording: Path | None,
) -> int:
    """Name open stories that are too big, vague or not checkable, in the PRD at PATH or this repo's own.

    Exit code 0 when no rule finds anything, 1 when one does; what a model says with --judge does not change it.
    """
    from prd.find import find_prd  # noqa: PLC0415
    from prd.lint import lint  # noqa: PLC0415
    from prd.read import read_bytes, read_document  # noqa: PLC0415
    from ralph.survey import RunRequest  # noqa: PLC0415  # heavy, and --help must be fast

    here = Path.cwd()
    found = find_prd(repo_root(here), path)
    source, document = read_document(read_bytes(found, str(found)), shown(found, here))
    if document.problems:
        raise source.refusal(document.problems)
    overrides = {"limits.per_run_usd": max_cost} if max_cost is not None else {}
    request = RunRequest(repo=here, by_hand=by_hand, recording=recording, overrides=overrides)
    findings = lint(document.prd, _checks(here))
    judged = _judged(document.prd, source.name, request) if asks_model else None
    places = {story: source.place(offset) for story, offset in document.places.items()}
    rows = [_row(one, places, BY_RULE) for one in findings]
    rows += [_row(one, places, BY_MODEL) for one in judged.findings] if judged else []
    click.echo(json.dumps(rows, ensure_ascii=False) if as_json else "\n".join(_lines(rows, source.name)))
    if judged:
        click.echo(f"The model's part cost ${judged.cost_usd:.4f}: ralph trace {judged.trace_id[:8]}", err=True)
    return int(ExitCode.STORIES_REMAIN) if findings else 0


def _checks(here: Path) -> list[str]:
    """The commands of the checks that a run would have, by which a criterion such as "Typecheck passes" is judged."""
    from ralph.detect import detect_checks  # noqa: PLC0415
    from ralph.drafting.words import words_of  # noqa: PLC0415
    from ralph.errors import RalphError  # noqa: PLC0415
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.settings.load import load_settings  # noqa: PLC0415

    root = repo_root(here)
    try:
        checks = load_settings(root, find_home()).settings.checks
    except RalphError:
        return []
    return words_of(detect_checks(root) if checks is None else checks)


def _judged(prd: "Prd", name: str, request: "RunRequest") -> "Judged | None":
    from ralph.cli.prd_talk import announce, tell  # noqa: PLC0415
    from ralph.drafting.desk import open_desk, read_ground  # noqa: PLC0415
    from ralph.drafting.judge import judge  # noqa: PLC0415

    if all(story.passes for story in prd.stories):
        return None
    ground = read_ground(request)
    announce(request, ground, "Judging")
    with open_desk(ground, request, tell) as desk:
        return judge(desk, prd, name)


def _row(finding: "Finding", places: Mapping[str, str], by: str) -> dict[str, str]:
    place = places.get(finding.story_id, "")
    return {"place": place, "story": finding.story_id, "what": finding.what, "remedy": finding.remedy, "by": by}


def _lines(rows: list[dict[str, str]], name: str) -> list[str]:
    from ralph.screen_text import one_line  # noqa: PLC0415

    told = [
        one_line(f"{row['place'] or name}: {row['story']}: {row['what']} {row['remedy']}")
        + (" (the model's advice)" if row["by"] == BY_MODEL else "")
        for row in rows
    ]
    return [*told, f"{name}: {len(rows) or 'no'} finding{'' if len(rows) == 1 else 's'}"]
