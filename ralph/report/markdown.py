"""The report as GitHub's Markdown. Titles of stories and words of agents are data: nothing in them formats, links or pings anybody."""

import re
from collections.abc import Iterator

from ralph.report.outline import Bar, Item, Outline, Part, Section, Table, Tone, code_parts
from ralph.screen_text import one_line

MARKS = {Tone.PLAIN: "", Tone.GOOD: "✅ ", Tone.NOTE: "", Tone.WARNING: "⚠️ ", Tone.BAD: "🛑 "}
SPECIAL = re.compile(r"([\\`*_\[\]|~$<>&])")
AT_START = re.compile(r"^([-+#=]|\d+(?=[.)]))")  # would make a list or a heading of a paragraph
LINKS = re.compile(r":(?=//)|(?<=www)\.|(?<=mailto):|(?<=xmpp):", re.IGNORECASE)  # GitHub makes links of bare addresses
PINGS = re.compile(r"([@#]|\bGH-)(?=\w)", re.IGNORECASE)
APART = "\u200b"  # no width: GitHub sees no mention and no reference
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
BAR_CHARS = 16
CUT = "\n\n*The rest is left out: a body on GitHub holds only so much.*\n"


def as_markdown(outline: Outline, *, level: int = 1, most_bytes: int | None = None) -> str:
    """Headings begin at `level`; whole lines are left out at the end where it would be longer than `most_bytes`."""
    text = "\n".join(_lines(outline, "#" * level)).strip() + "\n"
    return text if most_bytes is None or len(text.encode()) <= most_bytes else _cut(text, most_bytes)


def escaped(text: str) -> str:
    """On one line, and as it reads."""
    return AT_START.sub(r"\\\1", _inline(one_line(text)))


def _inline(text: str) -> str:
    line = SPECIAL.sub(_escape, PINGS.sub(rf"\1{APART}", text))
    return LINKS.sub(lambda found: f"&#{ord(found[0])};", line)


def _prose(text: str) -> str:
    parts = code_parts(one_line(text))
    return "".join(f"`{part}`" if number % 2 else _inline(part) for number, part in enumerate(parts))


def _escape(found: re.Match[str]) -> str:
    return ENTITIES.get(found[0], f"\\{found[0]}")


def _lines(outline: Outline, mark: str) -> Iterator[str]:
    yield from (f"{mark} {escaped(outline.title)}", "", escaped(outline.subtitle), "")
    for section in outline.sections:
        yield from _section(section, f"{mark}#")


def _section(section: Section, mark: str) -> Iterator[str]:
    yield from (f"{mark} {escaped(section.title)}", "")
    if section.text:
        yield from (escaped(section.text), "")
    for part in section.parts:
        yield from _part(part)


def _part(part: Part) -> Iterator[str]:
    if part.title:
        yield from (f"**{escaped(part.title)}**", "")
    for block in part.blocks:
        yield from _item(block) if isinstance(block, Item) else _table(block)
    yield ""


def _item(item: Item) -> Iterator[str]:
    aside = f" ({escaped(item.aside)})" if item.aside else ""
    yield f"- {MARKS[item.tone]}**{escaped(item.head)}**{aside}"
    if item.body:
        yield f"  <br>{_prose(item.body)}"
    if item.command:
        command = one_line(item.command)
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", command)), default=0))
        yield from (f"  {fence}sh", f"  {command}", f"  {fence}")


def _table(table: Table) -> Iterator[str]:
    yield from ("", _row(table.header))
    yield _row(["--:" if column in table.right else "---" for column in range(len(table.header))], raw=True)
    for row in table.rows:
        yield _row(row)


def _row(cells: "tuple[str | Bar, ...] | list[str]", *, raw: bool = False) -> str:
    return "| " + " | ".join(_cell(cell, raw=raw) for cell in cells) + " |"


def _cell(cell: str | Bar, *, raw: bool) -> str:
    if isinstance(cell, Bar):
        return "█" * max(round(cell.share * BAR_CHARS), cell.share > 0)
    return cell if raw else escaped(cell)


def _cut(text: str, most_bytes: int) -> str:
    """At the end of a line, and outside of a fence."""
    kept = text.encode()[: most_bytes - len(CUT.encode())].decode(errors="ignore").rpartition("\n")[0]
    fences = [line.strip() for line in kept.splitlines() if line.strip().startswith("```")]
    if len(fences) % 2:
        kept = kept[: kept.rindex(fences[-1])].rstrip()
    return kept + CUT
