"""The files beside a PRD that tell an agent how a project is worked on, used as they are; and those that are not used.

Read from the story's worktree; what is not tracked, from the user's checkout. A link that leads out is not followed.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ralph.excerpts import clean_text

RULES = ("AGENTS.md", "CLAUDE.md")
GUIDES = (".ralph/guardrails.md", ".ralph/AGENT.md", ".ralph/AGENTS.md")
LOOP_PROMPTS = ("prompt.md", "PROMPT.md", ".ralph/PROMPT.md", "scripts/ralph/prompt.md", "scripts/ralph/CLAUDE.md")
MOST_CHARS = 12_000  # of each file
MOST_NEARBY_CHARS = 4_000  # of each in a folder of its own
MOST_NEARBY = 4
MOST_BYTES = 1_000_000


def project_rules(root: Path, folders: Sequence[str] = (), checkout: Path | None = None) -> str:
    """The rules at the root, Ralph's own guides, and the rules nearest to the `folders`; each once, each bounded."""
    homes = [home.resolve() for home in (root, checkout) if home is not None]
    found: dict[Path, str] = {}
    for name in (*RULES, *GUIDES):
        _add(found, homes, name, MOST_CHARS)
    for name in list(_nearby(homes[0], folders))[:MOST_NEARBY]:
        _add(found, homes[:1], name, MOST_NEARBY_CHARS)
    return "\n\n".join(found.values())


def loop_prompts(root: Path) -> list[str]:
    """Prompts that other loops feed to their agent: they tell it to pick stories, commit and set flags, which is Ralph's
    work here, so they are not used.
    """
    return [name for name in LOOP_PROMPTS if (root / name).is_file()]


def shortened(text: str, limit_chars: int) -> str:
    """The text, or its beginning and its end where it is longer than `limit_chars`."""
    clean = text.strip()
    if len(clean) <= limit_chars:
        return clean
    half = limit_chars // 2
    return f"{clean[:half]}\n[... {len(clean) - 2 * half} characters left out ...]\n{clean[-half:]}"


def _add(found: dict[Path, str], homes: Sequence[Path], name: str, limit_chars: int) -> None:
    for home in homes:
        path = (home / name).resolve()
        if path.is_file() and path.is_relative_to(home):
            if path not in found:
                found[path] = f"### {name}\n{shortened(_read(path), limit_chars)}"
            return


def _nearby(root: Path, folders: Sequence[str]) -> Iterator[str]:
    """For each folder the nearest one with rules, upwards; the root's own come anyway."""
    seen: set[str] = set()
    for folder in folders:
        places = [Path(folder), *Path(folder).parents]
        for place in places:
            names = [(place / name).as_posix() for name in RULES if (root / place / name).is_file()]
            names = [name for name in names if name not in LOOP_PROMPTS]
            if names and place != Path():
                yield from (name for name in names if name not in seen)
                seen.update(names)
            if names:
                break


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return clean_text(file.read(MOST_BYTES).decode(errors="replace"))
