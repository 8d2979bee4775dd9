"""`ralph prd lint`: what is hard about a PRD's stories, with the place of each."""

import json
from pathlib import Path

import click

from prd.find import find_prd
from prd.lint import Finding, lint
from prd.read import read_bytes, read_document
from ralph.cli.places import shown


@click.command("lint", epilog="Example: ralph prd lint tasks/prd.json")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The findings as a JSON list.")
def lint_command(path: Path | None, *, as_json: bool) -> int:
    """Name open stories that are too big, vague or not checkable, in the PRD at PATH or this folder's own.

    By fixed rules, without a model. Exit code 0 when there are none, 1 when there are some.
    """
    here = Path.cwd()
    found = find_prd(here, path)
    source, document = read_document(read_bytes(found, str(found)), shown(found, here))
    if document.problems:
        raise source.refusal(document.problems)
    findings = lint(document.prd)

    def place(finding: Finding) -> str:
        return source.place(document.places.get(finding.story_id, 0))

    if as_json:
        rows = [
            {"place": place(one), "story": one.story_id, "what": one.what, "remedy": one.remedy} for one in findings
        ]
        click.echo(json.dumps(rows, ensure_ascii=False))
    else:
        for one in findings:
            click.echo(f"{place(one)}: {one.story_id}: {one.what} {one.remedy}")
        click.echo(
            f"{source.name}: {len(findings) or 'no'} finding{'' if len(findings) == 1 else 's'}", err=bool(findings)
        )
    return 1 if findings else 0
