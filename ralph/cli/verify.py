"""`ralph verify`: what Ralph says of a commit that anybody made, by its own checks and the integrity guard."""

from pathlib import Path

import click

from ralph.cli.places import prd_option, repo_option


@click.command("verify", epilog="Example: ralph verify main..my-branch --story US-003")
@click.argument("revision", default="HEAD")
@click.option("--story", metavar="ID", help="The story that the work is for. [default: the one that the commit names]")
@repo_option
@prd_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def verify_command(revision: str, *, story: str | None, repo: Path, prd: Path | None, as_json: bool) -> None:
    """Run the checks and the integrity guard on REVISION: a commit (held against its parent), or BASE..COMMIT.

    Nothing is changed. Exit code 0: a run would commit this work; 1: it would send it back, and the reasons are printed.
    """
    from ralph.cli.lines import printer, say  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.errors import ExitCode  # noqa: PLC0415
    from ralph.events import Event, EventKind  # noqa: PLC0415
    from ralph.survey import RunRequest  # noqa: PLC0415
    from ralph.verification import Question, verify_commit  # noqa: PLC0415

    report = printer(as_json=as_json)
    answer = verify_commit(RunRequest(repo, prd), Question(revision, story), report)
    verdict = answer.verdict
    what = f"{answer.sha[:10]} for {answer.story.id}"
    report(
        Event(
            EventKind.NOTE,
            f"{what}: {verdict.text} (trace {answer.trace_id[:8]})",
            {"passed": verdict.passed, "distrusted": verdict.distrusted, "commit": answer.sha},
        )
    )
    if verdict.feedback and not as_json:
        say(f"\nWhat a run would tell the agent:\n\n{verdict.feedback}")
    raise SystemExit(ExitCode.ALL_DONE if verdict.passed else ExitCode.STORIES_REMAIN)
