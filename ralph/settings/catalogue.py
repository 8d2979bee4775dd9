"""Every setting by its dotted name, as the file spells it, with what a person is told about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ralph.checks.check import Check
from ralph.durations import duration_text
from ralph.prepare.services import Service
from ralph.settings.kinds import About, Repo, Section
from ralph.settings.places import Path
from ralph.settings.schema import Settings
from ralph.settings.sizes import size_text
from tracing.alerts.channels import NAMED_PLACE, Channel
from tracing.prices import ModelPrice

ANY_KEY = "*"  # stands for a check's or service's number, a model's name or a variable's name
OF_NO_REPO = {
    "channels",
    "ui",
    "schedules",
    "alerts",
    "report",
    "retention",
}  # `ralph trust` changes nothing about them
TIME_UNIT, SIZE_UNIT = "time with its unit", "size with its unit"
REPEATED = {"checks", "services", "channels", "prices"}
PRICE = "a number of US dollars per million tokens, 0 or more"
OPTIONS = {
    "limits.per_run_usd": "--max-cost",
    "run.max_iterations": "--max-iterations",
    "run.max_duration": "--max-duration",
    "run.jobs": "--jobs",
    "agent.model": "--model",
    "sandbox": "--sandbox",
}
CHECK_ABOUT = {
    "name": About("What the check is called in reports.", "a short text", '"tests"'),
    "command": About("The command, run by `bash` in the worktree.", "a command line", '"python -m pytest -q"'),
    "cwd": About("The folder to run in, below the repo's root.", "a folder of the repo", '"backend"'),
    "env": About("Variables added to the environment.", "a table of texts", '{ CI = "1" }'),
    "timeout_s": About("After this long the check has failed.", "a number above 0", "600", "seconds"),
    "network": About("Whether the command gets the network.", "true or false", "true", repo=Repo.TIGHTEN),
}
SERVICE_ABOUT = {
    "name": About("What the service is called in messages.", "a short text", '"database"', repo=Repo.NEVER),
    "up": About(
        "The command that starts it and returns when it is ready, run by `bash` at the repo's root, outside of the "
        "sandbox. It may find the service already up: after a killed run it is called again.",
        "a command line",
        '"docker compose up --wait"',
        repo=Repo.NEVER,
    ),
    "down": About(
        "The command that stops it at the end of the run, also after an `up` that failed; not while another run uses it.",
        "a command line",
        '"docker compose down"',
        repo=Repo.NEVER,
        unset="it is left running",
    ),
    "timeout_s": About(
        "After this long `up` or `down` has failed.", "a number above 0", "120", "seconds", repo=Repo.NEVER
    ),
}
CHANNEL_ABOUT = {
    "name": About("What the channel is called.", "a short name", '"mail"', repo=Repo.NEVER),
    "kind": About(
        "How it is reached.",
        'one of "email", "slack", "pagerduty", "webhook", "desktop", "apprise"',
        '"email"',
        repo=Repo.NEVER,
    ),
    "rules": About(
        "Only alerts of these rules.",
        "a list of rules",
        '["story_parked"]',
        repo=Repo.NEVER,
        unset="alerts of every rule",
    ),
    "least": About(
        "Only alerts that are at least so grave.",
        'one of "note", "warning", "critical"',
        '"critical"',
        repo=Repo.NEVER,
        unset='"warning" for what rings (pagerduty, desktop, apprise), else everything',
    ),
    "to": About("email: who gets it.", "a list of addresses", '["me@example.com"]', repo=Repo.NEVER, unset="needed"),
    "sender": About("email: whom it is from.", "an address", '"ralph@example.com"', repo=Repo.NEVER, unset="needed"),
    "host": About("email: the mail server.", "a host", '"smtp.example.com"', repo=Repo.NEVER, unset="needed"),
    "port": About(
        "email: its port.",
        "a whole number from 1 to 65535",
        "587",
        repo=Repo.NEVER,
        unset="587, 465 with tls, 25 with none",
    ),
    "security": About(
        "email: how the way there is secured.", 'one of "starttls", "tls", "none"', '"tls"', repo=Repo.NEVER
    ),
    "username": About("email: who logs in.", "a name", '"ralph"', repo=Repo.NEVER, unset="nobody does"),
    "password": About(
        "email: the password of that name.", NAMED_PLACE, '"env:SMTP_PASSWORD"', repo=Repo.NEVER, unset="none"
    ),
    "url": About(
        "slack: the incoming webhook; apprise: the service's address.",
        NAMED_PLACE,
        '"file:~/.config/ralph/slack"',
        repo=Repo.NEVER,
        unset="needed",
    ),
    "key": About(
        "pagerduty: the routing key; webhook: what messages are signed with (whsec_...).",
        NAMED_PLACE,
        '"env:PAGERDUTY_KEY"',
        repo=Repo.NEVER,
        unset="pagerduty: needed; webhook: messages are not signed",
    ),
    "address": About(
        "webhook: where messages are posted; pagerduty: another address of its Events API (the EU's).",
        "an address that starts with http:// or https://",
        '"https://example.com/hook"',
        repo=Repo.NEVER,
        unset="webhook: needed; pagerduty: its own",
    ),
    "private": About(
        "Whether it may lead to this machine or a private network.", "true or false", "true", repo=Repo.NEVER
    ),
}
RATE = "US dollars per million tokens"
PRICE_ABOUT = {
    "input": About("Input that was not cached.", PRICE, "4.0", RATE, Repo.NEVER),
    "output": About("Output, thinking included.", PRICE, "20.0", RATE, Repo.NEVER),
    "cache_read": About("Input read from the cache.", PRICE, "0.2", RATE, Repo.NEVER, "as `input`"),
    "cache_write_5m": About("Input cached for 5 minutes.", PRICE, "5.0", RATE, Repo.NEVER, "1.25 times `input`"),
    "cache_write_1h": About("Input cached for 1 hour.", PRICE, "8.0", RATE, Repo.NEVER, "2 times `input`"),
}


@dataclass(frozen=True)
class Entry:
    name: str  # dotted, as in the file: "run.max_duration", "checks.*.command"
    about: About
    default: object
    required: bool

    @property
    def key(self) -> str:
        return self.name.rpartition(".")[2]


@cache
def entries() -> dict[str, Entry]:
    """All settings by dotted name, in the order of the schema."""
    return {entry.name: entry for entry in [*_of_model(Settings, ""), *_of_parts()]}


def generic(path: Path) -> str:
    """The dotted name a path in a file belongs to: `("checks", 1, "env", "CI")` is "checks.*.env"."""
    words = [str(step) for step in path]
    if words and words[0] in REPEATED:
        words[1:2] = [ANY_KEY] * len(words[1:2])
        return ".".join(words[:3])
    return ".".join([word for word, step in zip(words, path, strict=True) if isinstance(step, str)][:2])


def spelled(path: Path) -> str:
    """A path as a person reads it: `("checks", 0, "name")` is `checks[1].name`."""
    text = ""
    for step in path:
        text += f"[{step + 1}]" if isinstance(step, int) else ("." if text else "") + _quoted(step)
    return text


def default_of(entry: Entry) -> str:
    """The default as TOML, or in words what it means when it is not set."""
    if entry.required:
        return "required"
    if entry.about.unset and entry.default in (None, (), ""):
        return entry.about.unset
    return _toml(_as_written(entry))


def _as_written(entry: Entry) -> object:
    """Times and sizes with their unit, as a file has them."""
    if isinstance(entry.default, int) and entry.about.unit == TIME_UNIT:
        return duration_text(entry.default)
    if isinstance(entry.default, int) and entry.about.unit == SIZE_UNIT:
        return size_text(entry.default)
    return entry.default


def _of_model(model: type[BaseModel], prefix: str) -> Iterator[Entry]:
    for name, field in model.model_fields.items():
        dotted = prefix + (field.alias or name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _of_model(field.annotation, dotted + ".")
        else:
            yield Entry(dotted, _about(field), field.get_default(call_default_factory=True), required=False)


def _of_parts() -> Iterator[Entry]:
    for prefix, model, abouts in (
        ("checks.*.", Check, CHECK_ABOUT),
        ("setup.", Check, {name: about for name, about in CHECK_ABOUT.items() if name != "name"}),
        ("services.*.", Service, SERVICE_ABOUT),
        ("channels.*.", Channel, CHANNEL_ABOUT),
        ("prices.*.", ModelPrice, PRICE_ABOUT),
    ):
        for name, about in abouts.items():
            field = model.model_fields[name]
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            yield Entry(prefix + name, about, default, required=field.is_required())


def _about(field: FieldInfo) -> About:
    return next(part for part in (*field.metadata, *get_args(field.annotation)) if isinstance(part, About))


def _quoted(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else f'"{key}"'


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{}" if not value else "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
