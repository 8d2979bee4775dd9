"""Redaction: what is cut, what stays, in every encoding a secret comes in."""

import base64
import json
import string
import time
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracing.redact import Redactor, secret_values

ALNUM = string.ascii_letters + string.digits
BODY = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0"

TOKENS = [
    pytest.param(f"sk-ant-api03-{BODY}", id="anthropic"),
    pytest.param(f"sk-proj-{BODY}", id="openai-project"),
    pytest.param(f"sk-{BODY}", id="openai-classic"),
    pytest.param(f"sk-or-v1-{BODY}", id="openrouter"),
    pytest.param(f"gsk_{BODY}", id="groq"),
    pytest.param(f"ghp_{BODY[:36]}", id="github-classic"),
    pytest.param(f"github_pat_{BODY}", id="github-fine-grained"),
    pytest.param(f"glpat-{BODY[:20]}", id="gitlab"),
    pytest.param("AKIA" + "ABCDEFGHIJKLMNOP", id="aws-key-id"),
    pytest.param(f"AIza{BODY[:35]}", id="google"),
    pytest.param("xoxb-" + "123456789012-abcdefABCDEF", id="slack"),
    pytest.param(f"sk_live_{BODY[:24]}", id="stripe"),
    pytest.param(f"npm_{BODY[:36]}", id="npm"),
    pytest.param(f"pypi-{BODY}{BODY}", id="pypi"),
    pytest.param(f"hf_{BODY[:34]}", id="huggingface"),
    pytest.param(f"eyJhbGciOiJIUzI1NiJ9.eyJ{BODY}.{BODY}", id="jwt"),
]
CONTEXTS = ["{}", "key: {}", '{{"a": "{}"}}', "first line\\n{}\\nlast", "url?x%3D{}&y", "\x1b[31m{}\x1b[0m", "({}),"]


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("context", CONTEXTS)
def test_a_token_of_a_known_format_is_cut_in_every_context(token: str, context: str) -> None:
    redacted = Redactor().text(context.format(token))
    assert token not in redacted
    assert token[-12:] not in redacted
    assert "[redacted:" in redacted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("DB_PASSWORD=hunter2", "DB_PASSWORD=[redacted: assigned]", id="env-file"),
        pytest.param("export DB_PASSWORD=wonderland", "export DB_PASSWORD=[redacted: assigned]", id="env-plain-word"),
        pytest.param('api_key: "abcd1234efgh"', 'api_key: "[redacted: assigned]"', id="yaml"),
        pytest.param('{\\"password\\": \\"hunter2\\"}', '{\\"password\\": \\"[redacted: assigned]\\"}', id="escaped-json"),
        pytest.param("psql://u:pa55w@db/x", "psql://u:[redacted: url-password]@db/x", id="url"),
        pytest.param("Bearer abcdef123456789", "Bearer [redacted: bearer-token]", id="bearer"),
        pytest.param("a -----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY----- b", "a [redacted: private-key] b", id="pem"),
        pytest.param("-----BEGIN PRIVATE KEY-----\nMIIabc\n", "[redacted: private-key]", id="pem-cut-off"),
    ],
)  # fmt: skip
def test_what_is_assigned_or_sent_as_a_secret_is_cut(text: str, expected: str) -> None:
    assert Redactor().text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "password = get_password()",
        "connect(password=password, token=settings.API_TOKEN)",
        'API_KEY = os.environ["API_KEY"]',
        'api_key: "${API_KEY}"',
        "def login(token: str, password: str = None) -> str:",
        "token = tokens[0]",
        '"max_tokens": 4096, "input_tokens": 1234567890',
        '<input type="password" name="password" autocomplete="current-password">',
        "secret = secrets.token_hex(16)",
        "PASSWORD_FILE=/run/secrets/db",
        "const token = await getToken()",
        "http://localhost:8080/@scope/pkg",
        "git@github.com:owner/repo.git",
        "the sk-learn-is-nice-and-very-long-name package",
        "next_token=page.next_token",
        "commit 9643965f0e1c2d3b4a5968778695a4b3c2d1e0f1",
        "Bearer of bad news",
    ],
)
def test_ordinary_code_and_prose_stay_as_they_are(text: str) -> None:
    assert Redactor().text(text) == text


SECRETS = st.text(alphabet=ALNUM + "+/=&\"'\\ üé%$", min_size=8, max_size=40).filter(lambda text: len(set(text)) > 3)
WRITTEN: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": json.dumps,
    "json-utf8": lambda text: json.dumps(text, ensure_ascii=False),
    "json-in-json": lambda text: json.dumps({"arguments": json.dumps({"x": text})}),
    "url": lambda text: urllib.parse.quote(text, safe=""),
    "form": urllib.parse.quote_plus,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
}


@settings(max_examples=60, deadline=None)
@given(secret=SECRETS, before=st.text(alphabet=ALNUM, max_size=5), how=st.sampled_from(sorted(WRITTEN)))
def test_a_known_secret_is_cut_however_it_is_written(secret: str, before: str, how: str) -> None:
    written = WRITTEN[how](secret)
    redacted = Redactor([secret]).text(f"{before} {written} after")
    core = written.strip('"').rstrip("=")
    assert core not in redacted or core in "[redacted: secret]"


@settings(max_examples=40, deadline=None)
@given(
    secret=st.text(alphabet=ALNUM, min_size=12, max_size=40), before=st.binary(max_size=7), after=st.binary(max_size=7)
)
def test_a_known_secret_inside_of_base64_leaves_no_more_than_its_edges(
    secret: str, before: bytes, after: bytes
) -> None:
    encoded = base64.b64encode(before + secret.encode() + after).decode()
    whole = Redactor([secret]).text(encoded)
    assert "[redacted: secret]" in whole


@settings(max_examples=150, deadline=None)
@given(
    parts=st.lists(
        st.sampled_from(
            ["password", "=", ": ", '"', "hunter2x", "sk-ant-" + BODY, "://u:", "p4ss@h", "Bearer ", BODY, "\n", "\\n", "token", " "]
        ),
        max_size=12,
    )
)  # fmt: skip
def test_redacting_twice_changes_nothing_more(parts: list[str]) -> None:
    once = Redactor().text("".join(parts))
    assert Redactor().text(once) == once


def test_strings_are_found_in_any_depth_keys_included_and_the_change_is_told() -> None:
    redactor = Redactor(["correct-horse"])
    value, changed = redactor.value({"correct-horse": [1, {"deep": "a correct-horse b"}], "n": 2.5, "none": None})
    assert value == {"[redacted: secret]": [1, {"deep": "a [redacted: secret] b"}], "n": 2.5, "none": None}
    assert changed
    assert redactor.value({"plain": ["text", 1]}) == ({"plain": ["text", 1]}, False)


def test_a_value_under_a_key_that_names_a_secret_is_cut() -> None:
    value, changed = Redactor().value(
        {"password": "hunter2", "max_tokens": 5, "token_type": "bearer", "secret": "${X}"}
    )
    assert value == {"password": "[redacted: assigned]", "max_tokens": 5, "token_type": "bearer", "secret": "${X}"}
    assert changed


def test_the_secrets_of_an_environment_are_those_of_key_like_names_and_urls() -> None:
    environ = {
        "ANTHROPIC_API_KEY": "key-value-1",
        "DB_PASSWORD": "hunter22",
        "DATABASE_URL": "postgres://u:from%2Furl@h/d",
        "PWD": "/home/somebody",
        "SSH_AUTH_SOCK": "/tmp/agent",
        "MAX_TOKENS": "4096",
        "PATH": "/usr/bin",
        "HOME": "/root",
    }
    assert secret_values(environ) == {"key-value-1", "hunter22", "from/url"}


@pytest.mark.parametrize(
    "unit",
    ["a", "eyJ", "password", "password=", "-----BEGIN PRIVATE KEY-----", "sk-", "://a:", "bearer ", "glpat-", "sk-aaaaaa-", '"token":"'],
)  # fmt: skip
def test_hostile_text_takes_time_in_proportion_to_its_length(unit: str) -> None:
    redactor = Redactor(["known-secret"])

    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        begun = time.process_time()
        redactor.text(text)
        return time.process_time() - begun

    assert seconds(200_000) < 1.0
