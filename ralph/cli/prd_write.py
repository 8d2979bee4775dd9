"""`ralph prd add`, `convert` and `from-issues`: what writes a PRD. A file that is there is never replaced unasked."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.complete import story_ids
from ralph.cli.places import label_option, prd_option, repo_root, shown
from tracing.words import plain

if TYPE_CHECKING:
    from prd.story import Prd

out_option = click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write it there. [default: print it]"
)
force_option = click.option("--force", is_flag=True, help="Replace FILE if it is there.")


@click.command(
    "add", epilog='Example: ralph prd add "Export the list as CSV" --criterion "ralph-list --csv prints a header"'
)
@click.argument("title")
@click.option(
    "--criterion", "criteria", multiple=True, metavar="TEXT", help="How it is known to be done; several times."
)
@click.option("--description", metavar="TEXT", default="", help="What it is about, and for whom.")
@click.option(
    "--depends-on",
    multiple=True,
    metavar="ID",
    shell_complete=story_ids,
    help="A story that must be done before; several times.",
)
@click.option("--priority", type=click.IntRange(0), metavar="N", help="1 comes first. [default: after the others]")
@prd_option
def add_command(
    title: str,
    *,
    criteria: tuple[str, ...],
    description: str,
    depends_on: tuple[str, ...],
    priority: int | None,
    prd: Path | None,
) -> None:
    """Add a story to the PRD, laid out and numbered as the others in it; everything else in the file stays as it is.

    The result is read again before it is written: when something is wrong with it, the file is not touched.
    """
    from prd.add import Wish, add_story  # noqa: PLC0415  # slow for --help
    from prd.find import find  # noqa: PLC0415
    from prd.read import read_bytes  # noqa: PLC0415
    from ralph.files import write_atomically  # noqa: PLC0415

    here, root = Path.cwd(), repo_root(Path.cwd())
    found = find(root, prd)
    name = shown(found.path, here)
    wish = Wish(title, description, criteria, depends_on, priority)
    added = add_story(read_bytes(found.path, name), wish, name=name)
    write_atomically(found.path, added.data)
    click.echo(f"{added.place}: added {plain(added.story.id)}, {plain(added.story.title)}")
    for note in found.notes(root):
        click.echo(f"  note: {plain(note)}", err=True)


@click.command("convert", epilog="Example: ralph prd convert fix_plan.md --to snarktank --out prd.json")
@click.argument("prd", metavar="[PATH]", required=False, type=click.Path(path_type=Path))
@click.option("--to", "target", required=True, type=click.Choice(["snarktank"]), help="The format: a prd.json.")
@out_option
@force_option
def convert_command(prd: Path | None, *, target: str, out: Path | None, force: bool) -> None:
    """Write a PRD of any format as a prd.json that reads the same; the file itself stays as it is.

    Ids, flags, priorities, dependencies, criteria and notes are kept, so that Ralph carries on where it was.
    """
    from prd.find import find  # noqa: PLC0415
    from prd.read import read_prd  # noqa: PLC0415

    del target  # the only one
    here, root = Path.cwd(), repo_root(Path.cwd())
    found = find(root, prd)
    content, _ = read_prd(found.path, shown(found.path, here))
    for note in found.notes(root):
        click.echo(f"note: {plain(note)}", err=True)
    _give(content, out, force=force)


@click.command("from-issues", epilog="Example: ralph prd from-issues sam/shop --label ready --out prd.json")
@click.argument("repo", metavar="OWNER/REPO")
@label_option
@out_option
@force_option
def from_issues_command(repo: str, *, label: str | None, out: Path | None, force: bool) -> None:
    """Make a prd.json of the GitHub issues with a label, through `gh`; nothing on GitHub is changed.

    Checkboxes become criteria, "depends on #12" and "blocked by #12" dependencies, labels like P1 or "priority: high" priorities;
    a closed issue is done. Who opens an issue says what an agent does: read it before you label it.
    """
    from ralph.github.issues import DEFAULT_LABEL, fetch  # noqa: PLC0415

    fetched = fetch(repo, label or DEFAULT_LABEL)
    for note in fetched.notes:
        click.echo(f"note: {plain(note)}", err=True)
    _give(fetched.prd, out, force=force)


def _give(content: "Prd", out: Path | None, *, force: bool) -> None:
    """Print it, or write it to a new file."""
    from prd.check import summary_line  # noqa: PLC0415
    from prd.convert import to_snarktank  # noqa: PLC0415

    text = to_snarktank(content)
    if out is None:
        click.echo(text, nl=False)
        return
    write_new(out, text.encode(), force=force)
    click.echo(f"wrote {summary_line(content, shown(out, Path.cwd()))}")


def write_new(out: Path, data: bytes, *, force: bool) -> None:
    """Raises: RalphError when there is something already, or it cannot be written."""
    from ralph.errors import RalphError  # noqa: PLC0415
    from ralph.files import write_atomically  # noqa: PLC0415

    if out.exists() and not force:
        raise RalphError(f"{out}: there is a file already. Name another one, or replace it with --force.")
    try:
        write_atomically(out, data)
    except OSError as error:
        raise RalphError(f"{out}: it cannot be written ({error.strerror}). Name a folder that is there.") from error
