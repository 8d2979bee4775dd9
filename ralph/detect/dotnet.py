""".NET: `dotnet test` where a project is one of tests, else `dotnet build`. A solution covers its projects."""

import re

from ralph.detect.found import SLOW_S, Found, Host, Kind, check, setup, tool_needs, word
from ralph.detect.tree import Folder

SOLUTION = re.compile(r"[^/]+\.slnx?")
PROJECT = re.compile(r"(.*/)?[^/]+\.(cs|fs|vb)proj")
QUIET = {"DOTNET_CLI_TELEMETRY_OPTOUT": "1", "DOTNET_NOLOGO": "1"}
DOTNET = "See https://dotnet.microsoft.com/download for how to install .NET."
READ_PROJECTS = 50


def find_dotnet(folder: Folder, host: Host) -> Found | None:
    solutions = [name for name in folder.listed if SOLUTION.fullmatch(name)]
    projects = [name for name in folder.listed if PROJECT.fullmatch(name)]
    own = [name for name in projects if "/" not in name]
    if not solutions and not own:
        return None
    target = f" {word((solutions or own)[0])}" if len(solutions or own) > 1 else ""
    restored = " --no-restore" if host.prepared else ""
    tested = any(_is_test(folder, name) for name in (projects if solutions else own)[:READ_PROJECTS])
    verb, kind = ("test", Kind.TEST) if tested else ("build", Kind.BUILD)
    return Found(
        ecosystem="dotnet",
        checks=(check(kind, f"dotnet {verb}", f"dotnet {verb}{target}{restored}", SLOW_S, QUIET),),
        setup=setup(f"dotnet restore{target}", QUIET) if host.prepared else None,
        manifests=("*.csproj", "*.fsproj", "Directory.Packages.props", "Directory.Build.props"),
        lock_files=tuple(name for name in projects and folder.matching("*packages.lock.json")),
        needs=tool_needs(host, folder.place((solutions or own)[0]), dotnet=DOTNET),
        covers=("*",) if solutions else (),
        installs=("*",) if solutions else (),
    )


def _is_test(folder: Folder, name: str) -> bool:
    return "Microsoft.NET.Test.Sdk" in folder.text(name) or bool(re.search(r"Tests?\.\w+proj$", name))
