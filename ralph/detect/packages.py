"""Which folders of a repo are packages of their own: those with a manifest, not too deep, not ignored by git."""

from pathlib import PurePosixPath

from ralph.detect.tree import Folder, ignored

MAX_DEPTH = 3
MAX_PACKAGES = 30
MANIFESTS = {
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "requirements.txt",
    "package.json",
    "Cargo.toml",
    "go.mod",
    "go.work",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "Gemfile",
    "composer.json",
}
ENDINGS = (".sln", ".slnx", ".csproj", ".fsproj")
NOT_CHECKED = {
    "example",
    "examples",
    "fixture",
    "fixtures",
    "testdata",
    "template",
    "templates",
    "sample",
    "samples",
    "fuzz",
}


def package_folders(root: Folder) -> list[str]:
    """The root first, then by depth and name."""
    found = {str(PurePosixPath(name).parent) for name in root.names if _is_manifest(name)} - {"."}
    ordered = sorted(found, key=lambda path: (path.count("/"), path))[: 4 * MAX_PACKAGES]
    hidden = ignored(root.root, [f"{path}/" for path in ordered])
    return [".", *[path for path in ordered if f"{path}/" not in hidden][:MAX_PACKAGES]]


def _is_manifest(name: str) -> bool:
    path = PurePosixPath(name)
    if len(path.parts) - 1 > MAX_DEPTH or NOT_CHECKED & set(path.parts[:-1]):
        return False
    return path.name in MANIFESTS or path.suffix in ENDINGS
