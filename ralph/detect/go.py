"""Go: vet and test, over every module of a `go.work` at once."""

import re
from collections.abc import Iterator

from ralph.detect.found import Found, Host, Kind, absent_tool, check, setup, tool_needs, word
from ralph.detect.tree import Folder

FETCH = "go mod download && { go list -deps -test ./... >/dev/null || go mod tidy; }"  # tidies only what does not fit
USE = re.compile(r"^[ \t]*use[ \t]+(?:\(([^)]*)\)|(\S+))", re.MULTILINE)
REQUIRE = re.compile(r"^[ \t]*require\b", re.MULTILINE)
MAX_MODULES = 50
LINTERS = (".golangci.yml", ".golangci.yaml", ".golangci.toml", ".golangci.json")


def find_go(folder: Folder, host: Host) -> Found | None:
    modules = list(_modules(folder))
    if not modules:
        return None
    packages = " ".join(word("./..." if module == "." else f"./{module}/...") for module in modules)
    lint = [check(Kind.LINT, "golangci-lint", f"golangci-lint run {packages}")] if folder.has(*LINTERS) else []
    where = folder.place("go.work" if folder.has("go.work") else "go.mod")
    return Found(
        ecosystem="go",
        checks=(
            check(Kind.VET, "go vet", f"go vet {packages}"),
            check(Kind.TEST, "go test", f"go test {packages}"),
            *(lint if host.has("golangci-lint") else []),
        ),
        setup=setup(_fetch(folder)) if host.prepared and _has_dependencies(folder, modules) else None,
        manifests=tuple(sorted({_in(module, "go.mod") for module in modules} | ({"go.work"} & folder.names))),
        lock_files=tuple(
            name for name in (*(_in(module, "go.sum") for module in modules), "go.work.sum") if folder.has(name)
        ),
        needs=(
            *tool_needs(host, where, go="See https://go.dev/dl for how to install Go."),
            *(absent_tool(host, where, "golangci-lint", "See https://golangci-lint.run.") if lint else ()),
        ),
        covers=tuple(module for module in modules if module != "."),
        installs=tuple(module for module in modules if module != "."),
    )


def _modules(folder: Folder) -> Iterator[str]:
    if folder.has("go.work"):
        uses = [use for block, single in USE.findall(folder.text("go.work")) for use in (block or single).split("\n")]
        paths = [
            use.split("//")[0].strip().strip('"').removeprefix("./").rstrip("/") or "." for use in uses if use.strip()
        ]
        yield from (path for path in list(dict.fromkeys(paths))[:MAX_MODULES] if folder.has(_in(path, "go.mod")))
    elif folder.has("go.mod"):
        yield "."


def _in(module: str, name: str) -> str:
    return name if module == "." else f"{module}/{name}"


def _has_dependencies(folder: Folder, modules: list[str]) -> bool:
    """Vendored ones are there already; the walk leaves `vendor` out, so it is asked for by name."""
    if folder.text("vendor/modules.txt", 1):
        return False
    return any(REQUIRE.search(folder.text(_in(module, "go.mod"))) for module in modules)


def _fetch(folder: Folder) -> str:
    return "go mod download" if folder.has("go.work") else FETCH
