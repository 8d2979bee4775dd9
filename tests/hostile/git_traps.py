"""Ways in which a repository makes git run code of its own: each plants itself, and plain git shows that it works.

A trap that plain git does not spring proves nothing about Ralph, so every trap says with which plain commands it is sprung.
"""

import os
import pty
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HOOKS = (
    *("applypatch-msg", "pre-applypatch", "post-applypatch", "pre-commit", "pre-merge-commit", "prepare-commit-msg"),
    *("commit-msg", "post-commit", "pre-rebase", "post-checkout", "post-merge", "pre-push", "pre-receive", "update"),
    *("proc-receive", "post-receive", "post-update", "reference-transaction", "push-to-checkout", "pre-auto-gc"),
    *("post-rewrite", "sendemail-validate", "fsmonitor-watchman", "post-index-change"),
)


@dataclass(frozen=True)
class Ground:
    """A repository with two branches of history, and a marker outside of it that a sprung trap leaves."""

    root: Path
    marker: Path

    def git(self, *args: str, cwd: Path | None = None, check: bool = True) -> str:
        """Plain git, as a person would run it."""
        done = subprocess.run(
            ["git", *args], cwd=cwd or self.root, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        assert not check or done.returncode == 0, (args, done.stderr)
        return done.stdout.strip()

    def try_git(self, *args: str, cwd: Path | None = None) -> None:
        self.git(*args, cwd=cwd, check=False)

    def config(self, key: str, value: str, *where: str) -> None:
        self.git("config", *where, key, value)

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def commit(self, message: str = "more") -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--no-verify", "--no-gpg-sign", "-m", message)

    def program(self, body: str = "cat") -> str:
        """The path of an executable that leaves the marker and then does what is expected of it."""
        file = self.marker.with_name(f"trap-{abs(hash(body))}.sh")
        file.write_text(f"#!/bin/sh\necho sprung >> {self.marker}\n{body}\n", encoding="utf-8")
        file.chmod(0o755)
        return str(file)

    @property
    def is_sprung(self) -> bool:
        return self.marker.exists()

    def reset(self) -> None:
        self.marker.unlink(missing_ok=True)


def prepare(folder: Path) -> Ground:
    root = folder / "repo"
    root.mkdir(parents=True)
    ground = Ground(root, folder / "marker")
    ground.git("init", "-q", "-b", "main")
    ground.write("a.txt", "one\ntwo\nthree\n")
    ground.write("b.txt", "plain\n")
    ground.write("src/c.py", "x = 1\n")
    ground.commit("start")
    ground.git("switch", "-q", "-c", "side")
    ground.write("a.txt", "one\ntwo\nTHREE\n")
    ground.commit("side")
    ground.git("switch", "-q", "main")
    return ground


@dataclass(frozen=True)
class Trap:
    """`late` is an attributes file that the agent adds; one that is in the base already would end the run at once."""

    name: str
    plant: Callable[[Ground], None]
    spring: Callable[[Ground], None]
    late: str = ""
    oldest_git: tuple[int, int] = field(default=(2, 30))


def _sets(key: str, body: str = "cat", *, prefix: str = "") -> Callable[[Ground], None]:
    return lambda ground: ground.config(key, prefix + ground.program(body))


def _runs(*commands: Sequence[str]) -> Callable[[Ground], None]:
    def spring(ground: Ground) -> None:
        for command in commands:
            ground.try_git(*command)

    return spring


def _touches(*commands: Sequence[str]) -> Callable[[Ground], None]:
    """As `_runs`, after the files have changed."""

    def spring(ground: Ground) -> None:
        ground.write("a.txt", "one\n2\nthree\n")
        _runs(*commands)(ground)

    return spring


def _hook(name: str) -> Callable[[Ground], None]:
    def plant(ground: Ground) -> None:
        file = ground.write(f".git/hooks/{name}", f"#!/bin/sh\necho sprung >> {ground.marker}\n")
        file.chmod(0o755)

    return plant


def _every_hook(folder: str) -> Callable[[Ground], None]:
    def plant(ground: Ground) -> None:
        for name in HOOKS:
            file = ground.write(f"{folder}/{name}", f"#!/bin/sh\necho sprung >> {ground.marker}\n")
            file.chmod(0o755)
        if folder != ".git/hooks":
            ground.config("core.hooksPath", folder)

    return plant


def _attributes(text: str, plant: Callable[[Ground], None]) -> Callable[[Ground], None]:
    def planted(ground: Ground) -> None:
        ground.write(".git/info/attributes", text)
        plant(ground)

    return planted


def _included(condition: str, path: str = ".gitconfig-of-the-repo") -> Callable[[Ground], None]:
    """fsmonitor, a filter and a merge driver by a file in the tree that the config includes."""

    def plant(ground: Ground) -> None:
        tool = ground.program()
        ground.write(path, f'[core]\n\tfsmonitor = {tool}\n[filter "evil"]\n\tclean = {tool}\n\tsmudge = {tool}\n')
        ground.commit("config in the tree")
        ground.config(f"{condition}.path", str(ground.root / path))

    return plant


def _in_worktrees_only(ground: Ground) -> None:
    """A filter that is there only for git's folder of a linked worktree: who asks the main one does not see it."""
    file = ground.marker.with_name("conditional.inc")
    tool = ground.program()
    file.write_text(f'[filter "evil"]\n\tclean = {tool}\n\tsmudge = {tool}\n[merge "evil"]\n\tdriver = {tool}\n')
    ground.config("includeIf.gitdir:**/worktrees/**.path", str(file))


def _spring_in_worktree(ground: Ground) -> None:
    ground.write(".git/info/attributes", "*.txt filter=evil\n")
    ground.try_git("worktree", "add", "-q", str(ground.marker.with_name("linked")), "HEAD")
    (ground.root / ".git/info/attributes").unlink()


def _worktree_config(ground: Ground) -> None:
    ground.config("extensions.worktreeConfig", "true")
    tool = ground.program()
    for key in ("core.fsmonitor", "filter.evil.clean", "filter.evil.smudge"):
        ground.config(key, tool, "--worktree")


def _promisor(ground: Ground) -> None:
    """A partial clone that lacks a file: whoever reads it makes git fetch, with a program of the config's choice."""
    sha = ground.git("rev-parse", "HEAD:b.txt")
    loose = ground.root / ".git/objects" / sha[:2] / sha[2:]
    loose.chmod(0o600)
    loose.unlink()
    ground.config("extensions.partialClone", "origin")
    ground.config("core.repositoryFormatVersion", "1")
    for key, value in (
        ("url", str(ground.root)),
        ("promisor", "true"),
        ("uploadpack", f"{ground.program('exit 1')} ;"),
    ):
        ground.config(f"remote.origin.{key}", value)
    for protocol in ("file", "ext"):
        ground.config(f"protocol.{protocol}.allow", "always")


def _promisor_ext(ground: Ground) -> None:
    _promisor(ground)
    ground.config("remote.origin.url", f"ext::{ground.program('exit 1')}")


def _nested_bare(ground: Ground) -> None:
    inner = ground.root / "vendor/inner"
    inner.mkdir(parents=True)
    ground.git("init", "-q", "--bare", cwd=inner)
    with (inner / "config").open("a") as file:
        file.write(f"[core]\n\tbare = false\n\tworktree = ..\n\tfsmonitor = {ground.program()}\n")
    for empty in ("refs/heads", "refs/tags", "objects/info", "objects/pack", "branches"):
        (inner / empty / ".keep").parent.mkdir(parents=True, exist_ok=True)
        (inner / empty / ".keep").write_text("")
    ground.commit("a bare repository among the files")


def _a_library(ground: Ground) -> Path:
    library = ground.marker.with_name("library")
    ground.git("init", "-q", "-b", "main", str(library))
    (library / "lib.txt").write_text("y\n")
    ground.git("add", "-A", cwd=library)
    ground.git("commit", "-qm", "lib", cwd=library)
    ground.git("submodule", "add", "-q", str(library), "vendor/lib")
    ground.commit("a submodule")
    return ground.root / ".git/modules/vendor/lib"


def _submodule(*keys: str) -> Callable[[Ground], None]:
    def plant(ground: Ground) -> None:
        git_dir = _a_library(ground)
        for key in keys:
            ground.git("config", key, ground.program(), cwd=ground.root / "vendor/lib")
        for name in HOOKS:
            (git_dir / "hooks").mkdir(exist_ok=True)
            hook = git_dir / "hooks" / name
            hook.write_text(f"#!/bin/sh\necho sprung >> {ground.marker}\n")
            hook.chmod(0o755)

    return plant


def _submodule_command(ground: Ground) -> None:
    _a_library(ground)
    ground.config("submodule.vendor/lib.update", f"!{ground.program('true')}")


def _in_submodule(*command: str) -> Callable[[Ground], None]:
    return lambda ground: ground.try_git(*command, cwd=ground.root / "vendor/lib")


def _on_terminal(*command: str) -> Callable[[Ground], None]:
    def spring(ground: Ground) -> None:
        ours, theirs = pty.openpty()
        with subprocess.Popen(["git", *command], cwd=ground.root, stdout=theirs, stdin=theirs) as child:
            os.close(theirs)
            try:
                while os.read(ours, 4096):
                    pass
            except OSError:  # the terminal is gone when the child is
                pass
            child.wait()
        os.close(ours)

    return spring


def _alternates(ground: Ground) -> None:
    other = ground.marker.with_name("other")
    ground.git("clone", "-q", str(ground.root), str(other))
    (ground.root / ".git/objects/info").mkdir(exist_ok=True)
    (ground.root / ".git/objects/info/alternates").write_text(f"{other}/.git/objects\n")
    ground.config("core.alternateRefsCommand", f"{ground.program('true')} ;")
    ground.config("remote.origin.url", str(other))


def _signed(ground: Ground) -> None:
    ground.config("gpg.program", ground.program("exit 1"))
    ground.config("commit.gpgSign", "true")
    ground.config("log.showSignature", "true")


def _merged(ground: Ground) -> None:
    ground.write("a.txt", "one\n2\nthree\n")
    ground.git("commit", "-qam", "ours", "--no-gpg-sign")
    ground.try_git("merge", "-q", "--no-edit", "side")
    ground.git("reset", "-q", "--hard")
    ground.git("reset", "-q", "--hard", "main~1", check=False)


def _filter(name: str, key: str) -> Trap:
    body = "cat" if key != "process" else "exit 1"
    spring = _runs(
        ("rm", "-q", "--cached", "a.txt"), ("add", "a.txt"), ("rm", "-qf", "a.txt"), ("checkout", "HEAD", "a.txt")
    )

    def springing(ground: Ground) -> None:
        ground.write(".git/info/attributes", f"*.txt filter={name}\n")
        spring(ground)
        (ground.root / ".git/info/attributes").unlink()

    return Trap(
        f"filter {name or '(no name)'} {key}", _sets(f"filter.{name}.{key}", body), springing, f"* filter={name}\n"
    )


def _driver(name: str) -> Trap:
    return Trap(
        f"merge driver {name}",
        _attributes(f"*.txt merge={name}\n", _sets(f"merge.{name}.driver", "exit 0")),
        _merged,
    )


def _remote(key: str, url: str, *more: tuple[str, str]) -> Callable[[Ground], None]:
    def plant(ground: Ground) -> None:
        ground.config("remote.origin.url", url)
        ground.config(key, f"{ground.program('exit 1')} ;" if key.endswith("pack") else ground.program("exit 1"))
        for name, value in more:
            ground.config(name, value)

    return plant


def _rewritten_url(ground: Ground) -> None:
    ground.config("protocol.ext.allow", "always")
    ground.config(f"url.ext::{ground.program('exit 1')} .insteadOf", str(ground.root)[:2])
    ground.config("remote.origin.url", str(ground.root))


def _credential(ground: Ground) -> None:
    subprocess.run(
        ["git", "credential", "fill"],
        cwd=ground.root,
        input="protocol=https\nhost=example.invalid\n\n",
        text=True,
        capture_output=True,
        check=False,
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
    )


def _trailers(ground: Ground) -> None:
    subprocess.run(
        ["git", "interpret-trailers"], cwd=ground.root, input="x\n", text=True, capture_output=True, check=False
    )


def _update_submodule(ground: Ground) -> None:
    inner = ground.root / "vendor/lib"
    ground.git("commit", "-q", "--allow-empty", "-m", "on", cwd=inner)
    ground.try_git("submodule", "update")
    ground.try_git("reset", "-q", "--hard", "HEAD~", cwd=inner)


def _default_driver(ground: Ground) -> None:
    ground.config("merge.default", "evil")
    ground.config("merge.evil.driver", ground.program("exit 0"))


TRAPS = (
    Trap("fsmonitor", _sets("core.fsmonitor"), _runs(("status",))),
    Trap("fsmonitor by an include of the tree", _included("include"), _runs(("status",))),
    Trap("fsmonitor by an include for a folder", _included("includeIf.gitdir:**"), _runs(("status",))),
    Trap("fsmonitor by an include for a branch", _included("includeIf.onbranch:**"), _runs(("status",))),
    Trap("config of one worktree", _worktree_config, _runs(("status",)), "* filter=evil\n"),
    Trap("a filter for linked worktrees only", _in_worktrees_only, _spring_in_worktree, "* filter=evil\n"),
    Trap("hook post-commit despite --no-verify", _hook("post-commit"), _touches(("commit", "-qam", "x", "--no-verify"), ("reset", "-q", "--hard", "HEAD~"))),
    Trap("hook pre-commit", _hook("pre-commit"), _touches(("commit", "-qam", "x"), ("reset", "-q", "--hard", "HEAD~"))),
    Trap("hook post-checkout", _hook("post-checkout"), _runs(("switch", "-q", "side"), ("switch", "-q", "main"))),
    Trap("hook reference-transaction", _hook("reference-transaction"), _runs(("update-ref", "refs/heads/y", "HEAD"))),
    Trap("hook post-index-change", _hook("post-index-change"), _touches(("add", "-A"), ("reset", "-q", "--hard"))),
    Trap("every hook", _every_hook(".git/hooks"), _touches(("commit", "-qam", "x"), ("reset", "-q", "--hard", "HEAD~"))),
    Trap("every hook by core.hooksPath in the tree", _every_hook("tools/hooks"), _touches(("commit", "-qam", "x"), ("reset", "-q", "--hard", "HEAD~"))),
    *(_filter("evil", key) for key in ("clean", "smudge", "process")),
    _filter("e=q", "clean"),
    _filter("dotted.name", "clean"),
    _filter("ünï", "clean"),
    _driver("evil"),
    _driver("e=q"),
    Trap("merge.default driver", _default_driver, _merged),
    Trap("textconv", _attributes("*.txt diff=evil\n", _sets("diff.evil.textconv")), _touches(("diff",), ("checkout", "-q", "."))),
    Trap("diff command", _attributes("*.txt diff=evil\n", _sets("diff.evil.command")), _touches(("diff",), ("checkout", "-q", "."))),
    Trap("diff.external", _sets("diff.external"), _touches(("diff",), ("checkout", "-q", "."))),
    Trap("gpg.program", _signed, _runs(("commit", "-q", "--allow-empty", "-m", "x"))),
    Trap("core.editor", _sets("core.editor", "exit 1"), _runs(("commit", "-q", "--allow-empty"))),
    Trap("sequence.editor", _sets("sequence.editor", "exit 1"), _runs(("rebase", "-q", "-i", "side"), ("rebase", "--abort"))),
    Trap("core.pager", _sets("core.pager"), _on_terminal("log")),
    Trap("pager of one command", _sets("pager.log"), _on_terminal("log")),
    Trap("alias", _sets("alias.st", "true", prefix="!"), _runs(("st",))),
    Trap("core.sshCommand", _remote("core.sshCommand", "ssh://nobody@localhost/x"), _runs(("fetch", "-q"))),
    Trap("core.gitProxy", _remote("core.gitProxy", "git://localhost/x"), _runs(("fetch", "-q"))),
    Trap("remote.uploadpack", _remote("remote.origin.uploadpack", "."), _runs(("fetch", "-q"))),
    Trap("remote.receivepack", _remote("remote.origin.receivepack", "."), _runs(("push", "-q", "origin", "main"))),
    Trap("url.insteadOf with ext::", _rewritten_url, _runs(("fetch", "-q"))),
    Trap("credential.helper", _sets("credential.helper", "exit 1", prefix="!"), _credential),
    Trap("core.askPass", _sets("core.askPass", "exit 1"), _credential),
    Trap("partial clone, upload-pack of the remote", _promisor, _runs(("cat-file", "blob", "HEAD:b.txt"))),
    Trap("partial clone, ext:: remote", _promisor_ext, _runs(("cat-file", "blob", "HEAD:b.txt"))),
    Trap("alternates with alternateRefsCommand", _alternates, _runs(("fetch", "-q"))),
    Trap("nested bare repository", _nested_bare, lambda ground: ground.try_git("status", cwd=ground.root / "vendor/inner")),
    Trap("submodule with fsmonitor and hooks", _submodule("core.fsmonitor"), _in_submodule("status")),
    Trap("submodule hook on checkout", _submodule(), _in_submodule("checkout", "-q", "-f")),
    Trap("submodule update command", _submodule_command, _update_submodule),
    _filter("", "clean"),
    Trap("trailer command", _sets("trailer.sign.command", "echo x"), _trailers),
    Trap("archive format", _sets("tar.evil.command"), _runs(("archive", "--format=evil", "HEAD"))),
)  # fmt: skip
