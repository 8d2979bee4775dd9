"""The two bodies of a mail: text, and HTML that reads on a phone. Everything that was not written here is escaped."""

from html import escape

from tracing.alerts.message import Kind, Message
from tracing.alerts.senders.wording import MARKS, MAYBE_TWICE, when, word
from tracing.words import plain

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title></head>
<body style="margin:0;padding:16px;font:16px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif">
<div style="max-width:36em;margin:0 auto">
<p style="margin:0 0 4px;font-size:14px"><strong>{mark}</strong> &middot; {when}</p>
<h1 style="margin:0 0 12px;font-size:20px;line-height:1.3">{title}</h1>
{parts}
</div></body></html>
"""
ROW = (
    '<tr><th style="text-align:left;vertical-align:top;padding:4px 12px 4px 0;font-weight:600">{label}</th>'
    '<td style="padding:4px 0;overflow-wrap:anywhere">{value}</td></tr>'
)
CODE = '<code style="font:14px ui-monospace,monospace;overflow-wrap:anywhere">{command}</code>'
SMALL = '<p style="font-size:13px">{text}</p>'


def as_text(message: Message, *, again: bool) -> str:
    facts = [f"{plain(fact.label)}: {plain(fact.value)}" for fact in message.facts]
    links = [f"{plain(link.label)}: {plain(link.url or link.command)}" for link in message.links]
    head = f"{_mark(message)} - {when(message)}\n{plain(message.title)}"
    parts = (head, message.text.strip(), "\n".join(facts), "\n".join(links), _small(message, again=again))
    return "\n\n".join(part for part in parts if part) + "\n"


def as_html(message: Message, *, again: bool) -> str:
    paragraphs = [part for part in message.text.strip().split("\n\n") if part.strip()]
    parts = [f"<p>{escape(part).replace(chr(10), '<br>')}</p>" for part in paragraphs]
    rows = [ROW.format(label=escape(plain(fact.label)), value=escape(plain(fact.value))) for fact in message.facts]
    if rows:
        parts.append(
            f'<table role="presentation" style="border-collapse:collapse;margin:12px 0">{"".join(rows)}</table>'
        )
    parts += [f"<p>{_link(link.label, link.command, link.url)}</p>" for link in message.links]
    if small := _small(message, again=again):
        parts.append(SMALL.format(text=escape(small)))
    return PAGE.format(
        title=escape(plain(message.title)),
        mark=escape(_mark(message)),
        when=escape(when(message)),
        parts="\n".join(parts),
    )


def _link(label: str, command: str, url: str) -> str:
    if url.startswith(("https://", "http://")):
        return f'<a href="{escape(plain(url))}">{escape(plain(label))}</a>'
    return f"{escape(plain(label))}: {CODE.format(command=escape(plain(command)))}"


def _mark(message: Message) -> str:
    """The word, with a sign that needs no colour."""
    if message.kind is Kind.RESOLVED:
        return "✓ RESOLVED"
    if message.kind in {Kind.REPORT, Kind.TEST}:
        return word(message).upper()
    return f"{MARKS[message.severity]} {word(message).upper()}"


def _small(message: Message, *, again: bool) -> str:
    rule = f"Rule {plain(message.rule)}." if message.rule else ""
    return " ".join(part for part in (rule, MAYBE_TWICE if again else "") if part)
