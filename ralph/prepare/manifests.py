"""Which files say what a project depends on, and which are written by its package manager. Names only; reads no file."""

from pathlib import PurePosixPath

MANIFESTS = (
    "package.json",
    "pnpm-workspace.yaml",
    "deno.json",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "requirements*.txt",
    "requirements*.in",
    "requirements/*.txt",
    "requirements/*.in",
    "Pipfile",
    "environment.yml",
    "Cargo.toml",
    "go.mod",
    "go.work",
    "Gemfile",
    "*.gemspec",
    "composer.json",
    "pom.xml",
    "build.gradle*",
    "settings.gradle*",
    "libs.versions.toml",
    "*.csproj",
    "*.fsproj",
    "*.vbproj",
    "packages.config",
    "Directory.Packages.props",
    "mix.exs",
    "Package.swift",
    "pubspec.yaml",
)
LOCK_FILES = (
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "bun.lockb",
    "deno.lock",
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "pylock*.toml",
    "Pipfile.lock",
    "Cargo.lock",
    "go.sum",
    "go.work.sum",
    "Gemfile.lock",
    "composer.lock",
    "gradle.lockfile",
    "packages.lock.json",
    "mix.lock",
    "Package.resolved",
    "pubspec.lock",
)


def is_manifest(path: str) -> bool:
    return _is_one_of(path, MANIFESTS)


def is_lock_file(path: str) -> bool:
    return _is_one_of(path, LOCK_FILES)


def _is_one_of(path: str, patterns: tuple[str, ...]) -> bool:
    """By the file's name, in whatever folder: a monorepo has many of each."""
    return any(PurePosixPath(path).match(pattern) for pattern in patterns)
