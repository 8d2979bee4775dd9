"""`ralph trust`: show what a repo's ralph.toml asks for beyond the user's own settings, and pin it as it is now."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.places import repo_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ralph.prepare.services import Service
    from ralph.settings.layers import SettingsFile, Source


@click.command("trust", epilog="Example: ralph trust ~/code/shop    or, to take it back: ralph trust --forget")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--forget", is_flag=True, help="Trust the file no longer.")
def trust_command(path: Path | None, *, forget: bool) -> None:
    """Let the ralph.toml at PATH (a file, a repo, or this repo's own) loosen settings, exactly as it is now.

    What it loosens is printed, and what changed since it was trusted last. A file that changes by one byte afterwards is not trusted any more.
    """
    from ralph.errors import RalphError  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.settings.load import change_lines, read_file  # noqa: PLC0415
    from ralph.trust import forget_file, trust_bytes, verdict  # noqa: PLC0415

    home, file = find_home(), settings_file(path or Path())
    if forget:
        known = forget_file(home, file)
        click.echo(f"{file} is {'not trusted any more' if known else 'not trusted: nothing to forget'}")
        return
    found = read_file(file, str(file))
    if found is None:
        raise RalphError(
            f"{file}: no such file, so there is nothing to trust. Settings are described in docs/settings.md."
        )
    asked = loosened(found)
    for line in change_lines(verdict(home, file, found.data), found):
        click.echo(line)
    pin = trust_bytes(home, file, found.data)
    click.echo(f"trusted as it is now: {file}\n  sha256 {pin.sha256}\n  at {pin.trusted_at}")
    click.echo("it loosens:" if asked else "it loosens nothing now")
    for line in asked:
        click.echo(f"  {line}")
    click.echo("A change of the file ends the trust. To end it now: ralph trust --forget")


def settings_file(path: Path) -> Path:
    """The ralph.toml that is meant: a file as named, a folder's own, or the one of the repo that the folder is in."""
    from ralph.settings.load import REPO_FILE  # noqa: PLC0415

    if path.is_file() or path.suffix == ".toml":
        return path.resolve()
    inside = path.resolve() / REPO_FILE
    return inside if inside.exists() else repo_root(path) / REPO_FILE


def loosened(file: "SettingsFile") -> list[str]:
    """What the file asks for beyond the user's own settings, a line each.

    Raises:
        SettingsError: the file is wrong; a wrong file is not trusted.
    """
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.settings.catalogue import spelled  # noqa: PLC0415
    from ralph.settings.layers import Layer, Source, file_source  # noqa: PLC0415
    from ralph.settings.load import read_file, resolve  # noqa: PLC0415
    from ralph.settings.loosening import loosenings  # noqa: PLC0415
    from ralph.settings.problems import as_toml, validated  # noqa: PLC0415
    from ralph.trust import TrustState, Verdict  # noqa: PLC0415

    config = find_home().config
    user_file = read_file(config, str(config))
    resolve(file, user_file, {}, trust=Verdict(TrustState.TRUSTED))  # refuses what is wrong, with its place
    repo = file_source(Layer.REPO, file)
    asked = validated(repo)
    user = validated(file_source(Layer.USER, user_file) if user_file else Source(Layer.USER))
    values = repo.values()
    found = loosenings(asked, user, values, set())
    return [
        f"{repo.place(one.path)}: {spelled(one.path)} = {as_toml(values.get(one.path, True))} "
        f"(you allow {'none' if one.allowed is None else as_toml(one.allowed)})"
        for one in found
        if one.path != ("services",)
    ] + [line for one in found if one.path == ("services",) for line in _service_lines(repo, asked.services)]


def _service_lines(repo: "Source", services: "Sequence[Service]") -> list[str]:
    """Every command in full: they run outside of the sandbox, so they are read before they are trusted."""
    return [
        f"{repo.place(('services', number))}: {service.name} runs outside of the sandbox, {what}: {command}"
        for number, service in enumerate(services)
        for what, command in (("up", service.up), ("down", service.down))
        if command
    ]
