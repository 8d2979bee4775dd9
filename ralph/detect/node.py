"""Node: the scripts of `package.json`, else jest, vitest, `node --test`, tsc, eslint and biome by their configuration.

A script that watches or rewrites files is replaced by the same program without that, or left out with a hint.
Nothing is installed for a package without dependencies.
"""

import re
from collections.abc import Iterator

from ralph.checks.check import Check
from ralph.detect.found import Found, Host, Kind, check, setup, tool_needs, unignored
from ralph.detect.node_manager import LOCKS, NodeManager, install_of, manager_of, workspaces_of
from ralph.detect.node_script import is_placeholder, is_simple, mended
from ralph.detect.tree import Folder, one_line, table

SCRIPTS: dict[Kind, tuple[tuple[str, str], ...]] = {
    Kind.TEST: (("test:ci", "test"), ("test:run", "test"), ("test", "test"), ("test:unit", "test"), ("unit", "test")),
    Kind.LINT: (("lint", "lint"), ("lint:check", "lint"), ("eslint", "lint"), ("check", "check")),
    Kind.TYPES: tuple((name, "typecheck") for name in ("typecheck", "type-check", "check-types", "types", "tsc")),
    Kind.FORMAT: (("format:check", "format"), ("check-format", "format"), ("prettier:check", "format")),
    Kind.BUILD: (("build", "build"),),
}
DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
SIDE_EFFECTS = ("docker", "deploy", "publish", "electron-builder")
TEST_FILE = re.compile(r"(.*/)?[^/]*[._-]test\.[mc]?js|test/[^/]*\.[mc]?js|test\.[mc]?js")


def find_node(folder: Folder, host: Host) -> Found | None:
    if not folder.has("package.json"):
        return None
    package = folder.json("package.json")
    manager = manager_of(folder, package)
    workspaces = workspaces_of(folder, package)
    hints: list[str] = []
    checks = [*_script_checks(folder, package, manager, hints)]
    covers = workspaces if any(kind is Kind.TEST for kind, _ in checks) else ()
    if workspaces and not covers and manager.everywhere:
        checks += _workspace_checks(folder, workspaces, manager, {kind for kind, _ in checks})
        covers = workspaces if any(kind is Kind.TEST for kind, _ in checks) else ()
    checks += _configured_checks(folder, package, manager, {kind for kind, _ in checks}, covers)
    where = folder.place("package.json")
    preparation = _setup(folder, package, manager, workspaces) if host.prepared else None
    hints += unignored(folder, "node_modules") if preparation else ()
    return Found(
        ecosystem="node",
        checks=tuple(sorted(checks, key=lambda item: list(SCRIPTS).index(item[0]))),
        setup=preparation,
        manifests=("package.json", *(f"{glob}/package.json" for glob in workspaces)),
        lock_files=tuple(lock for lock in LOCKS if folder.has(lock)),
        needs=tool_needs(host, where, **{manager.name: manager.remedy}) if checks else (),
        hints=tuple(hints),
        covers=covers,
        installs=workspaces,
    )


def _dependencies(package: dict[str, object]) -> set[str]:
    return {name for key in DEPENDENCIES for name in table(package, key)}


def _setup(
    folder: Folder, package: dict[str, object], manager: NodeManager, workspaces: tuple[str, ...]
) -> Check | None:
    members = folder.members(workspaces, "package.json")
    everything = [package, *(folder.json(name) for name in members)]
    if not any(_dependencies(each) for each in everything):
        return None
    return setup(install_of(folder, manager))


def _script_checks(
    folder: Folder, package: dict[str, object], manager: NodeManager, hints: list[str]
) -> Iterator[tuple[Kind, Check]]:
    scripts = {name: text for name, text in table(package, "scripts").items() if isinstance(text, str)}
    for kind, names in SCRIPTS.items():
        for script, name in names:
            text = scripts.get(script, "")
            if not text or is_placeholder(text) or (kind is Kind.BUILD and any(word in text for word in SIDE_EFFECTS)):
                continue
            command = _command(script, text, manager)
            if command:
                yield check(kind, name, command)
                break
            hints.append(
                f'{folder.place("package.json")}: the script "{one_line(script)}" ({one_line(text)}) does not end by '
                "itself or rewrites files. Add one that does not, and name it as a check."
            )


def _command(script: str, text: str, manager: NodeManager) -> str | None:
    """None when the script watches or writes and no other command is equal to it."""
    better = mended(text)
    if better == text:
        return f"{manager.name} run {script}"
    if better is None or not is_simple(better):
        return None
    return better if better.startswith("node ") else f"{manager.execute} {better}"


def _workspace_checks(
    folder: Folder, workspaces: tuple[str, ...], manager: NodeManager, taken: set[Kind]
) -> Iterator[tuple[Kind, Check]]:
    """One command for all members, unless a member's script would not do as it is."""
    members = [folder.json(name) for name in folder.members(workspaces, "package.json")]
    for kind in (Kind.TEST, Kind.LINT, Kind.TYPES, Kind.BUILD):
        for script, name in SCRIPTS[kind]:
            texts = [str(table(member, "scripts").get(script, "")) for member in members]
            used = [text for text in texts if text]
            if kind not in taken and used and all(mended(text) == text and not is_placeholder(text) for text in used):
                taken.add(kind)
                yield check(kind, name, manager.everywhere.format(script=script))


def _configured_checks(
    folder: Folder, package: dict[str, object], manager: NodeManager, taken: set[Kind], covers: tuple[str, ...]
) -> Iterator[tuple[Kind, Check]]:
    known = _dependencies(package)
    run = manager.execute
    if Kind.TEST not in taken and not covers:
        yield from _configured_tests(folder, package, run)
    if Kind.TYPES not in taken and "typescript" in known and _is_one_project(folder):
        yield check(Kind.TYPES, "typecheck", f"{run} tsc --noEmit")
    if Kind.LINT not in taken:
        if folder.matching("eslint.config.*", ".eslintrc*") and "eslint" in known:
            yield check(Kind.LINT, "lint", f"{run} eslint .")
        elif folder.has("biome.json", "biome.jsonc") and "@biomejs/biome" in known:
            yield check(Kind.LINT, "lint", f"{run} biome check .")


def _is_one_project(folder: Folder) -> bool:
    """A `tsconfig.json` that only refers to others checks nothing by itself."""
    return folder.has("tsconfig.json") and '"references"' not in folder.text("tsconfig.json")


def _configured_tests(folder: Folder, package: dict[str, object], run: str) -> Iterator[tuple[Kind, Check]]:
    known = _dependencies(package)
    if folder.matching("vitest.config.*") or "vitest" in known:
        yield check(Kind.TEST, "vitest", f"{run} vitest run")
    elif folder.matching("jest.config.*") or "jest" in package or "jest" in known:
        yield check(Kind.TEST, "jest", f"{run} jest")
    elif _has_own_tests(folder) and not known & {
        "mocha",
        "ava",
        "tap",
        "jasmine",
        "uvu",
    }:
        yield check(Kind.TEST, "node test", "node --test")


def _has_own_tests(folder: Folder) -> bool:
    """Test files that belong to no package further down."""
    inner = tuple(name.removesuffix("package.json") for name in folder.names if name.endswith("/package.json"))
    return any(TEST_FILE.fullmatch(name) and not name.startswith(inner) for name in folder.names)
