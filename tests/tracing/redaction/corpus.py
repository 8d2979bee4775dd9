"""Our corpus: every kind of secret in every place where an agent meets one, the same from the same seed."""

import base64
import json
import random
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tests.tracing.redaction.kinds import ALL, Kind, Sample

PIECE_CHARS = 10
"""So much of a secret in a row is a leak."""

Written = tuple[str, tuple[str, ...]]
"""A text, and the pieces in it that have to vanish."""


@dataclass(frozen=True)
class Case:
    kind: str
    place: str
    text: str
    pieces: tuple[str, ...]

    def leaks(self, redacted: str) -> bool:
        return any(piece in redacted for piece in self.pieces)


def cases(each: int = 10, seed: int = 20_261_121) -> Iterator[Case]:
    for kind in ALL:
        for place, write in PLACES.items():
            dice = random.Random(f"{seed} {kind.name} {place}")
            for _ in range(each):
                text, pieces = write(kind, kind.make(dice), dice)
                assert all(piece in text for piece in pieces), (kind.name, place)
                yield Case(kind.name, place, text, pieces)


def _pieces(secret: str) -> tuple[str, ...]:
    size = min(PIECE_CHARS, len(secret))
    return tuple(secret[at : at + size] for at in range(0, len(secret) - size + 1, 3))


def _plain(template: str) -> Callable[[Kind, Sample, random.Random], Written]:
    """`{a}` is the secret, with its name where it does not speak for itself; `{n}` the name, `{l}` in lower case, `{v}` the text."""

    def write(kind: Kind, sample: Sample, _: random.Random) -> Written:
        named = sample.text if kind.bare else f"{kind.variable}={sample.text}"
        text = template.format(a=named, n=kind.variable, l=kind.variable.lower(), v=sample.text)
        return text, _pieces(sample.secret)

    return write


def _escaped(template: str, escape: Callable[[str], str]) -> Callable[[Kind, Sample, random.Random], Written]:
    """As `_plain`, of escaped text."""

    def write(kind: Kind, sample: Sample, dice: random.Random) -> Written:
        return _plain(template)(kind, Sample(escape(sample.text), escape(sample.secret)), dice)

    return write


def _json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _url(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def _json_in_json(kind: Kind, sample: Sample, _: random.Random) -> Written:
    text = json.dumps({"name": "bash", "arguments": json.dumps({"env": {kind.variable: sample.text}, "n": 3})})
    return text, _pieces(_json(_json(sample.secret)))


def _tool_call(kind: Kind, sample: Sample, _: random.Random) -> Written:
    command = f"export {kind.variable}='{sample.text}' && ./deploy.sh"
    return json.dumps({"type": "tool_use", "input": {"command": command}}), _pieces(_json(sample.secret))


def _lines(before: str, after: str, prefix: str) -> Callable[[Kind, Sample, random.Random], Written]:
    """Each line of the text behind a prefix, as in a diff or a block of YAML."""

    def write(kind: Kind, sample: Sample, _: random.Random) -> Written:
        lines = sample.text.replace("\n", "\n" + prefix)
        text = before.format(n=kind.variable, l=kind.variable.lower()) + lines + after
        return text, tuple(piece for line in sample.secret.split("\n") for piece in _pieces(line))

    return write


def _base64(template: str, *, named: bool, width: int = 0) -> Callable[[Kind, Sample, random.Random], Written]:
    """`{n}` and `{b}`: the Base64 of the text, or of its line in an env file."""

    def write(kind: Kind, sample: Sample, _: random.Random) -> Written:
        line = f"{kind.variable}={sample.text}\n" if named else sample.text
        whole = base64.b64encode(line.encode()).decode()
        start = line.index(sample.secret)
        core = whole[-(-start // 3) * 4 : (start + len(sample.secret)) // 3 * 4]
        wrapped = "\n".join(whole[at : at + width] for at in range(0, len(whole), width)) if width else whole
        pieces = tuple(piece for piece in _pieces(core) if piece in wrapped)
        return template.format(n=kind.variable, l=kind.variable.lower(), b=wrapped), pieces

    return write


def _curl(kind: Kind, sample: Sample, dice: random.Random) -> Written:
    header = sample.text if ": " in sample.text and "\n" not in sample.text and "{" not in sample.text else ""
    if "://" in sample.text:
        return f"curl -fsS -X POST '{sample.text}' -d '{{}}'", _pieces(sample.secret)
    named = dice.choice(("X-Api-Key: ", "Authorization: Bearer ", "PRIVATE-TOKEN: ", "Authorization: token "))
    text = _json(header or named + sample.text)
    return f'curl -sS -H "{text}" https://api.example.com/v1/me | jq .', _pieces(_json(sample.secret))


def _camel(kind: Kind) -> str:
    first, *rest = kind.variable.lower().split("_")
    return first + "".join(word.title() for word in rest)


def _javascript(kind: Kind, sample: Sample, dice: random.Random) -> Written:
    quote = dice.choice("'\"`")
    text = _json(sample.text)
    return (
        f"const {_camel(kind)} = {quote}{text}{quote};\nexport default {_camel(kind)};",
        _pieces(_json(sample.secret)),
    )


def _python(kind: Kind, sample: Sample, dice: random.Random) -> Written:
    form = dice.choice(
        (
            '{n} = "{v}"\n',
            "{n}: Final = '{v}'\n",
            'client = Client({l}="{v}", retries=3)\n',
            'CONFIG = {{"{l}": "{v}"}}\n',
        )
    )
    return _escaped(form, _json)(kind, sample, dice)


def _history(kind: Kind, sample: Sample, dice: random.Random) -> Written:
    form = dice.choice(
        (
            "  501  cd /srv/app\n  502  export {n}='{v}'\n  503  ls",
            ": 1750000000:0;{n}='{v}' make deploy",
            "docker run -e {n}='{v}' acme/app",
        )
    )
    return _plain(form)(kind, sample, dice)


def _trace_back(kind: Kind, sample: Sample, dice: random.Random) -> Written:
    if kind.bare:
        error = 'Traceback (most recent call last):\n  File "app.py", line 3, in <module>\nAuthError: rejected: {v}'
    else:
        error = "app.py:31: in connect\n    connect(user, {l})\n{l} = '{v}'\nE   AuthError: refused"
    return _plain(error)(kind, sample, dice)


PLACES: Mapping[str, Callable[[Kind, Sample, random.Random], Written]] = {
    "decoded string": _plain("Here it is: {a} (do not share)"),
    "json": _escaped('{{"id": 7, "{l}": "{v}", "ok": true}}', _json),
    "json in json": _json_in_json,
    "tool call": _tool_call,
    "escaped newline": _escaped("total 3\\n{a}\\ndone\\n", _json),
    "url query": _escaped("GET https://api.example.com/v1/items?{l}={v}&page=2 HTTP/1.1", _url),
    "url-encoded form": _escaped("grant=x&body={n}%3D{v}%0A&n=1", _url),
    "diff": _lines('@@ -1,2 +1,2 @@\n-{n} = "old"\n+{n} = "', '"\n context', "+"),
    "env dump": _plain("PATH=/usr/bin:/bin\n{n}={v}\nSHELL=/bin/bash\n"),
    "curl header": _curl,
    "python source": _python,
    "javascript source": _javascript,
    "yaml": _lines("server:\n  port: 80\n  {l}: ", "\n  debug: false\n", "    "),
    "toml": _escaped('[server]\nport = 80\n{l} = "{v}"\n', _json),
    "shell history": _history,
    "docker inspect": _escaped('"Env": [\n  "PATH=/usr/bin",\n  "{n}={v}",\n  "TZ=UTC"\n]', _json),
    "kubernetes env": _escaped('env:\n- name: {n}\n  value: "{v}"\n- name: TZ\n  value: UTC\n', _json),
    "stack trace": _trace_back,
    "base64 of the secret": _base64("data:\n  {n}: {b}\ntype: Opaque", named=False),
    "base64 of its line": _base64("echo {b} | base64 -d > .env", named=True),
    "base64 in lines": _base64("$ base64 .env\n{b}\n$ ", named=True, width=76),
    "markdown table": _escaped("| name | value |\n|---|---|\n| {n} | `{v}` |\n| TZ | UTC |", _json),
    "csv": _escaped('id,name,value,note\n1,{n},"{v}",prod\n2,TZ,UTC,', _json),
    "coloured log": _escaped("\x1b[32mINFO\x1b[0m loaded \x1b[1m{n}\x1b[0m=\x1b[36m{v}\x1b[0m in 3 ms", _json),
    "command-line flag": _escaped('deploy --region eu --{l} "{v}" --verbose', _json),
}
