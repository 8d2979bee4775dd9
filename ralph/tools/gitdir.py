"""Finds a worktree's git folders by reading its `.git`, without running git."""

from pathlib import Path


def git_folders(root: Path) -> list[Path]:
    """`.git` itself, and for a linked worktree the main repository's folder that it points to; what there is of them."""
    dot_git = root / ".git"
    if dot_git.is_symlink() or not dot_git.exists():
        return []
    if dot_git.is_dir():
        return [dot_git]
    first_line = dot_git.read_text(encoding="utf-8", errors="surrogateescape").partition("\n")[0]
    own = (root / first_line.removeprefix("gitdir:").strip()).resolve()
    common = own / "commondir"
    main = (own / common.read_text(encoding="utf-8").strip()).resolve() if common.is_file() else own
    is_repository = (main / "HEAD").is_file() and (main / "objects").is_dir()
    return [dot_git, main] if is_repository else [dot_git]
