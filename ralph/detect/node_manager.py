"""The package managers of Node: how each installs, runs a script and starts an installed program.

Each install works with a lock file that fits as well as with a `package.json` that an agent has just edited, and leaves
a fitting lock file as it is.
"""

import re
from dataclasses import dataclass

from ralph.detect.tree import Folder, strings, table
from ralph.detect.yaml_file import read_yaml


@dataclass(frozen=True)
class NodeManager:
    name: str
    install: str
    execute: str  # before the name of an installed program; never downloads one
    everywhere: str = ""  # runs a script in all workspaces that have it; empty: there is no such command
    remedy: str = ""


PNPM = NodeManager(
    "pnpm",
    "pnpm install --no-frozen-lockfile --prefer-frozen-lockfile",
    "pnpm exec",
    everywhere="pnpm -r --if-present run {script}",
    remedy="corepack enable pnpm",
)
YARN = NodeManager("yarn", "yarn install --non-interactive", "yarn run", remedy="corepack enable yarn")
BERRY = NodeManager("yarn", "yarn install --no-immutable", "yarn run", remedy="corepack enable yarn")
BUN = NodeManager("bun", "bun install", "bun run", remedy="See https://bun.sh for how to install bun.")
NPM = NodeManager(
    "npm",
    "npm ci --no-audit --no-fund || npm install --no-audit --no-fund",
    "npx --no-install",
    everywhere="npm run {script} --workspaces --if-present",
    remedy="Install Node.js.",
)
UNLOCKED = "npm install --no-package-lock --no-audit --no-fund"  # a repo without a lock file stays without one
LOCKS = {
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "yarn",
    "bun.lock": "bun",
    "bun.lockb": "bun",
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
}
BY_NAME = {"pnpm": PNPM, "yarn": YARN, "bun": BUN, "npm": NPM}


def manager_of(folder: Folder, package: dict[str, object]) -> NodeManager:
    """By `packageManager`, else by the lock file, else npm."""
    named = re.match(r"(npm|pnpm|yarn|bun)@", str(package.get("packageManager", "")))
    by_lock = next((manager for lock, manager in LOCKS.items() if folder.has(lock)), "npm")
    name = named.group(1) if named else by_lock
    return BERRY if name == "yarn" and _is_berry(folder, package) else BY_NAME[name]


def install_of(folder: Folder, manager: NodeManager) -> str:
    locked = folder.has("package-lock.json", "npm-shrinkwrap.json")
    return UNLOCKED if manager is NPM and not locked else manager.install


def workspaces_of(folder: Folder, package: dict[str, object]) -> tuple[str, ...]:
    """Globs of the workspaces' folders, those that start with `!` left out."""
    declared = package.get("workspaces")
    globs = strings(declared) or strings(table(declared).get("packages"))
    if folder.has("pnpm-workspace.yaml"):
        globs = globs or strings(table(read_yaml(folder, "pnpm-workspace.yaml")).get("packages"))
    return tuple(glob.removeprefix("./").rstrip("/") for glob in globs if not glob.startswith("!"))


def _is_berry(folder: Folder, package: dict[str, object]) -> bool:
    if re.match(r"yarn@([2-9]|\d\d)", str(package.get("packageManager", ""))):
        return True
    return folder.has(".yarnrc.yml") or "__metadata:" in folder.text("yarn.lock", 4096)
