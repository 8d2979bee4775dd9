"""Values of the run's own environment, in every way in which they may be written; and text that should cost no time."""

import base64
import html
import json
import shlex
import string
import time
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracing.redact import Redactor, secret_values

SECRETS = st.text(alphabet=string.ascii_letters + string.digits + "+/=&\"'\\ é%$!", min_size=9, max_size=40).filter(
    lambda text: len(set(text)) > 4 and text == text.strip() and not text.startswith("=")
)
WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "json": lambda text: json.dumps(text)[1:-1],
    "json in json": lambda text: json.dumps(json.dumps(text))[3:-3],
    "json in json in json": lambda text: json.dumps(json.dumps(json.dumps(text)))[7:-7],
    "python": lambda text: repr(text)[1:-1],
    "url": lambda text: urllib.parse.quote(text, safe=""),
    "form": urllib.parse.quote_plus,
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "html": html.escape,
    "shell": lambda text: shlex.quote(text).strip("'"),
}


@settings(max_examples=120, deadline=None)
@given(secret=SECRETS, how=st.sampled_from(sorted(WRITTEN)))
def test_a_value_of_the_environment_is_cut_however_it_is_escaped(secret: str, how: str) -> None:
    written = WRITTEN[how](secret)
    assert written not in Redactor([secret]).text(f"before {written} after")


@pytest.mark.parametrize("shift", range(3))
def test_a_value_of_the_environment_is_cut_out_of_base64_at_each_alignment(shift: int) -> None:
    secret = "correct-horse-battery-9"
    packed = base64.b64encode(b"\xff" * shift + secret.encode() + b"\xfe\xff").decode()
    redacted = Redactor([secret]).text(packed)
    assert "[redacted: secret]" in redacted
    assert len(redacted.replace("[redacted: secret]", "")) <= 8


def test_each_line_of_a_value_of_several_lines_is_known() -> None:
    redactor = Redactor(["first-line-of-it\nsecond-line-of-it"])
    assert redactor.text("| second-line-of-it |") == "| [redacted: secret] |"


def test_words_that_stand_in_marks_and_everywhere_else_are_no_known_secrets() -> None:
    values = secret_values(
        {"A_PASSWORD": "password", "B_SECRET": "123456", "C_TOKEN": "production", "D_KEY": "redacted"}
    )
    assert values == frozenset()
    assert Redactor(["assigned"]).text("DB_PASSWORD=hunter2x") == "DB_PASSWORD=[redacted: assigned]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("[redacted:assigned]", "[redacted:assigned]", id="an-old-mark"),
        pytest.param("PASSWORD=[redacted:secret]", "PASSWORD=[redacted:secret]", id="assigned"),
        pytest.param("x://u:[redacted: url-password]@h/", "x://u:[redacted: url-password]@h/", id="in-a-url"),
    ],
)
def test_marks_stay_as_they_are(text: str, expected: str) -> None:
    assert Redactor(["hunter22"]).text(text) == expected


def test_pairs_of_a_name_and_a_value_are_understood_in_mappings_and_headers() -> None:
    value, _ = Redactor().value(
        {
            "env": [{"name": "DB_PASSWORD", "value": "hunter2"}],
            "headers": {"Authorization": "Basic dXNlcjpwYXNzd29yZA=="},
        }
    )
    assert value == {
        "env": [{"name": "DB_PASSWORD", "value": "[redacted: assigned]"}],
        "headers": {"Authorization": "Basic [redacted: authorization]"},
    }


HOSTILE = [
    "a", "=", "A1", "%41", "\\n", "\"'", "/", "-", ".", "key", "key=", "_key: ", "token|", "--token ", "://", "eyJ", "M" * 4, "MTIz",
    "secret,", 'password": "', "session=", "-----BEGIN PRIVATE KEY-----", "a" * 76 + "\n", "YWJj" * 19 + "\n", "\x1b[0m", " ",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_takes_time_in_proportion(unit: str) -> None:
    redactor = Redactor(["known-secret-1"])

    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        begun = time.process_time()
        redactor.text(text)
        return time.process_time() - begun

    small, large = min(seconds(40_000) for _ in range(2)), seconds(160_000)
    assert large <= 10 * small + 0.05, (small, large)
