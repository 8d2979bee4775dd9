"""The report as one HTML document: the body of a mail, or a file to open. No script, nothing from elsewhere; made for a phone."""

from collections.abc import Iterator
from html import escape

from ralph.report.outline import Bar, Item, Outline, Part, Section, Table, code_parts
from ralph.screen_text import one_line

STYLE = """
:root{color-scheme:light dark}
body{margin:0;padding:16px;background:#fff;color:#1c1f24;font:16px/1.45 -apple-system,BlinkMacSystemFont,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:640px;margin:0 auto}
h1{font-size:22px;line-height:1.25;margin:0 0 4px}
h2{font-size:17px;margin:28px 0 8px;padding-bottom:4px;border-bottom:1px solid #dfe3e8;overflow-wrap:anywhere}
h3{font-size:13px;margin:14px 0 2px;color:#5b6470;font-weight:600}
p{margin:0 0 8px;overflow-wrap:anywhere}
.sub,.aside{color:#5b6470}
.aside{font-size:14px;font-weight:400}
ul{list-style:none;margin:0;padding:0}
li{margin:0 0 10px;padding:0 0 0 12px;border-left:3px solid #dfe3e8;overflow-wrap:anywhere}
li p{margin:2px 0 0}
li.good{border-color:#2f9e57}li.note{border-color:#4a7dbd}li.warning{border-color:#d9930d}li.bad{border-color:#d13c3c}
.head{font-weight:600}
li.plain .head{font-weight:400}
pre{margin:6px 0 0;padding:8px 10px;background:#f3f5f7;border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
code{padding:1px 4px;background:#f3f5f7;border-radius:4px;font:.88em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
table{border-collapse:collapse;width:100%;margin:10px 0;font-size:14px;font-variant-numeric:tabular-nums}
th{color:#5b6470;font-weight:600}
td,th{padding:4px 10px 4px 0;text-align:left;white-space:nowrap}
td.right,th.right{text-align:right}
td.bar{width:40%;padding-right:0}
td.bar div{height:10px;border-radius:2px;background:#4a7dbd}
footer{margin-top:28px;color:#5b6470;font-size:13px}
@media (prefers-color-scheme:dark){
body{background:#15181c;color:#e6e8eb}
h2,li{border-color:#343a42}
h3,.sub,.aside,th,footer{color:#9aa4b0}
pre,code{background:#21262c}
li.good{border-color:#4cc47b}li.note{border-color:#6fa3e0}li.warning{border-color:#e8b04a}li.bad{border-color:#f06a6a}
td.bar div{background:#6fa3e0}
}
""".strip()


def as_html(outline: Outline, public_url: str = "") -> str:
    body = "\n".join(_body(outline, public_url))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{_safe(outline.title)}</title>
<style>
{STYLE}
</style>
</head>
<body>
<main>
{body}
<footer>Made by Ralph on this machine. The same in a terminal: ralph report</footer>
</main>
</body>
</html>
"""


def _safe(text: str) -> str:
    return escape(one_line(text))


def _prose(text: str) -> str:
    parts = map(escape, code_parts(one_line(text)))
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))


def _body(outline: Outline, public_url: str) -> Iterator[str]:
    yield f"<h1>{_safe(outline.title)}</h1>"
    yield f'<p class="sub">{_safe(outline.subtitle)}</p>'
    for section in outline.sections:
        yield from _section(section, public_url)


def _section(section: Section, public_url: str) -> Iterator[str]:
    yield f"<h2>{_safe(section.title)}</h2>"
    if section.text:
        yield f'<p class="sub">{_safe(section.text)}</p>'
    for part in section.parts:
        yield from _part(part, public_url)


def _part(part: Part, public_url: str) -> Iterator[str]:
    if part.title:
        yield f"<h3>{_safe(part.title)}</h3>"
    if items := [block for block in part.blocks if isinstance(block, Item)]:
        yield from ("<ul>", *(_item(item, public_url) for item in items), "</ul>")
    for block in part.blocks:
        if isinstance(block, Table):
            yield from _table(block)


def _item(item: Item, public_url: str) -> str:
    head = _safe(item.head)
    if public_url and item.trace_id:
        span = f"/spans/{item.span_id}" if item.span_id else ""
        head = f'<a href="{escape(f"{public_url}/traces/{item.trace_id}{span}")}">{head}</a>'
    aside = f' <span class="aside">{_safe(item.aside)}</span>' if item.aside else ""
    body = f"<p>{_prose(item.body)}</p>" if item.body else ""
    command = f"<pre>{_safe(item.command)}</pre>" if item.command else ""
    return f'<li class="{item.tone.value}"><span class="head">{head}</span>{aside}{body}{command}</li>'


def _table(table: Table) -> Iterator[str]:
    yield "<table>"
    yield _row(table.header, table, "th")
    for row in table.rows:
        yield _row(row, table, "td")
    yield "</table>"


def _row(cells: "tuple[str | Bar, ...]", table: Table, tag: str) -> str:
    return f"<tr>{''.join(_cell(cell, tag, is_right=column in table.right) for column, cell in enumerate(cells))}</tr>"


def _cell(cell: str | Bar, tag: str, *, is_right: bool) -> str:
    if isinstance(cell, Bar):
        return f'<{tag} class="bar"><div style="width:{cell.share:.0%}"></div></{tag}>'
    side = ' class="right"' if is_right else ""
    return f"<{tag}{side}>{_safe(cell)}</{tag}>"
