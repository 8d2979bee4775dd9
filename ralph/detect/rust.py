"""Rust: cargo test over the whole workspace; clippy and rustfmt where the repo configures them."""

from collections.abc import Mapping

from ralph.detect.found import SLOW_S, Found, Host, Kind, check, setup, tool_needs, unignored
from ralph.detect.tree import Folder, strings, table

DEPENDENCIES = ("dependencies", "dev-dependencies", "build-dependencies")
RUSTUP = "See https://rustup.rs for how to install Rust."


def find_rust(folder: Folder, host: Host) -> Found | None:
    if not folder.has("Cargo.toml"):
        return None
    cargo = folder.toml("Cargo.toml")
    members = tuple(glob.removeprefix("./") for glob in strings(table(cargo, "workspace").get("members")))
    manifests = folder.members(members, "Cargo.toml")
    scope = " --workspace" if "workspace" in cargo else ""
    checks = [check(Kind.TEST, "cargo test", f"cargo test{scope} --quiet", SLOW_S)]
    if _wants_clippy(folder, cargo):
        checks.append(check(Kind.LINT, "clippy", f"cargo clippy{scope} --all-targets --quiet", SLOW_S))
    if folder.has("rustfmt.toml", ".rustfmt.toml"):
        checks.append(check(Kind.FORMAT, "rustfmt", "cargo fmt --all --check"))
    needs_crates = any(_downloads(folder.toml(name)) for name in ("Cargo.toml", *manifests))
    return Found(
        ecosystem="rust",
        checks=tuple(checks),
        setup=setup("cargo fetch") if host.prepared and needs_crates else None,
        manifests=("Cargo.toml", *(f"{glob}/Cargo.toml" for glob in members)),
        lock_files=("Cargo.lock",) if folder.has("Cargo.lock") else (),
        needs=tool_needs(host, folder.place("Cargo.toml"), cargo=RUSTUP),
        hints=unignored(folder, "target"),
        covers=members,
        installs=members,
    )


def _wants_clippy(folder: Folder, cargo: Mapping[str, object]) -> bool:
    lints = table(cargo, "lints", "clippy") or table(cargo, "workspace", "lints", "clippy")
    return bool(lints) or folder.has("clippy.toml", ".clippy.toml")


def _downloads(cargo: Mapping[str, object]) -> bool:
    """Whether a dependency comes from elsewhere than a path in the repo."""
    targets = [table(target) for target in table(cargo, "target").values()]
    places = [cargo, table(cargo, "workspace"), *targets]
    wanted = [item for place in places for key in DEPENDENCIES for item in table(place, key).values()]
    return any(not table(item).keys() & {"path", "workspace"} for item in wanted)
