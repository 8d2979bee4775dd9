"""Slack's incoming webhooks (and what takes the same, such as Mattermost's): blocks, with a fallback text.

Slack has no key against doubles: after a crash between sending and writing that down, the second one says that it is one.
"""

import json

from tracing.alerts.attempt import Attempt, RefusedError
from tracing.alerts.message import Kind, Link, Message
from tracing.alerts.posting import Answer, post
from tracing.alerts.senders.wording import MAYBE_TWICE, calling_nobody, headline, short, when, word
from tracing.words import cut

HEADER, TEXT, FIELD, BUTTON, URL, FALLBACK = 150, 3_000, 2_000, 75, 3_000, 4_000  # characters Slack takes
FIELDS_IN_A_SECTION = 10
MOST_FACTS = 40
MOST_LINKS = 5
MOST_PARTS = 8  # of a long text, such as a report
MARKS = {
    "critical": ":octagonal_sign:",
    "warning": ":warning:",
    "note": ":information_source:",
    "resolved": ":white_check_mark:",
    "report": ":sunrise:",
    "test": ":test_tube:",
}
REMEDIES = {
    "no_service": "the webhook is gone: make a new one in Slack and store its address",
    "no_active_hooks": "the webhook is switched off: make a new one in Slack and store its address",
    "channel_is_archived": "the Slack channel is archived: make a webhook for another one",
    "channel_not_found": "the Slack channel is gone: make a webhook for another one",
    "action_prohibited": "an admin of the Slack workspace does not allow it",
    "invalid_token": "the address is not that of a webhook: copy it again",
}


def send(attempt: Attempt) -> str:
    place = attempt.channel.url
    assert place is not None  # of every channel of this kind
    body = json.dumps(payload(attempt.message, again=attempt.again)).encode()
    try:
        post(attempt, attempt.secrets.read(place), body, {})
    except RefusedError as error:
        raise RefusedError(_explained(error)) from None
    return ""


def _explained(error: RefusedError) -> str:
    answer = error.args[1] if len(error.args) > 1 else None
    said = answer.text.strip() if isinstance(answer, Answer) else ""
    remedy = REMEDIES.get(said)
    return f"{error.args[0]}: {remedy}." if remedy else str(error.args[0])


def payload(message: Message, *, again: bool = False) -> dict[str, object]:
    return {"text": _fallback(message, again=again), "blocks": _blocks(message, again=again)}


def _fallback(message: Message, *, again: bool) -> str:
    text = f"{headline(message)} {MAYBE_TWICE if again else ''}".strip()
    return escaped(calling_nobody(short(text, FALLBACK // 8)), FALLBACK)  # all that Mattermost shows, which pings @all


def _blocks(message: Message, *, again: bool) -> list[dict[str, object]]:
    blocks: list[dict[str, object]] = [{"type": "header", "text": _plain_text(short(message.title, HEADER))}]
    blocks += [{"type": "section", "text": _mrkdwn(part)} for part in _parts(message.text.strip())]
    facts = [
        _mrkdwn(cut(f"*{escaped(short(fact.label, 200), 900)}*\n{escaped(fact.value, 1_000)}", FIELD))
        for fact in message.facts[:MOST_FACTS]
    ]
    blocks += [
        {"type": "section", "fields": facts[start : start + FIELDS_IN_A_SECTION]}
        for start in range(0, len(facts), FIELDS_IN_A_SECTION)
    ]
    blocks += _links(message.links[:MOST_LINKS])
    small = f"{MARKS[word(message)]} *{word(message).upper()}*  {when(message)}"
    if message.rule and message.kind is not Kind.REPORT:
        small += f"  `{escaped(short(message.rule, 100), 300)}`"
    return [*blocks, {"type": "context", "elements": [_mrkdwn(f"{small}  {MAYBE_TWICE if again else ''}".strip())]}]


def _parts(text: str) -> list[str]:
    """Escaped, in as many texts as it takes, at ends of lines; what is beyond `MOST_PARTS` is cut."""
    parts: list[str] = []
    for line in text.split("\n") if text else []:
        safe = escaped(line, TEXT)
        if parts and len(parts[-1]) + 1 + len(safe) <= TEXT:
            parts[-1] += "\n" + safe
        elif len(parts) == MOST_PARTS:
            parts[-1] = parts[-1][: TEXT - 2].rpartition("\n")[0] + "\n…"
            break
        elif safe.strip():
            parts.append(safe)
    return parts


def _links(links: tuple[Link, ...]) -> list[dict[str, object]]:
    """A button where there is an address, the command otherwise."""
    buttons = [
        {"type": "button", "text": _plain_text(short(link.label, BUTTON)), "url": link.url}
        for link in links
        if link.url and len(link.url) <= URL
    ]
    commands = [link for link in links if not link.url or len(link.url) > URL]
    blocks: list[dict[str, object]] = [{"type": "actions", "elements": buttons}] if buttons else []
    for link in commands:
        command = escaped(short(link.command, 500).replace("`", "'"), 2_400)
        blocks.append({"type": "section", "text": _mrkdwn(f"{escaped(short(link.label, 100), 500)}: `{command}`")})
    return blocks


def escaped(text: str, most: int) -> str:
    """Slack's three special characters, without ever cutting one of the replacements in two."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(safe) <= most:
        return safe
    kept = safe[: most - 1]
    ampersand = kept.rfind("&")
    if ampersand >= 0 and ";" not in kept[ampersand:]:
        kept = kept[:ampersand]
    return kept + "…"


def _plain_text(text: str) -> dict[str, object]:
    return {"type": "plain_text", "text": text or "-", "emoji": False}


def _mrkdwn(text: str) -> dict[str, object]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}
