"""What the model and the user see of a command's output."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralph.excerpts import clean_text, excerpt, looks_binary


def test_short_output_is_shown_whole(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("one\ntwo\n")
    assert excerpt(tmp_path / "out") == ("one\ntwo\n", False)


def test_long_output_keeps_both_ends_and_says_where_the_whole_is(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("first\n" + "x" * 50_000 + "\nlast")
    text, truncated = excerpt(out)
    assert truncated
    assert text.startswith("first\n")
    assert text.endswith("last")
    assert f"[… 34011 bytes omitted; full output: {out}]" in text
    assert len(text) < 16_200


def test_a_file_far_larger_than_the_window_is_read_at_its_ends_only(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with out.open("wb") as file:
        file.write(b"first\n" + "é".encode() * 40_000)
        file.seek(5_000_000_000)
        file.write("é".encode() * 40_000 + b"\nlast")
    text, truncated = excerpt(out)
    assert truncated
    assert text.startswith("first\né")
    assert text.endswith("é\nlast")
    assert "\ufffd" not in text


@given(st.text(), st.integers(2, 50))
def test_a_cut_falls_on_code_points_and_the_result_can_always_be_sent(text: str, limit: int) -> None:
    shown, truncated = excerpt(text, limit)
    json.dumps(shown, ensure_ascii=False).encode("utf-8")
    assert truncated == (len(clean_text(text)) > limit)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        pytest.param("\x1b[31mred\x1b[0m", "red", id="colour"),
        pytest.param("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link", id="hyperlink"),
        pytest.param("a\x00b\x08c", "abc", id="nul-and-backspace"),
        pytest.param("a\ud83d\udcffb"[:2] + "b", "ab", id="half-a-surrogate-pair"),
        pytest.param("a\r\nb\rc", "a\nb\nc", id="line-ends"),
        pytest.param("é 漢 😀\t", "é 漢 😀\t", id="text-stays"),
    ],
)
def test_what_an_api_would_refuse_is_taken_out(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean


@pytest.mark.parametrize(
    ("data", "is_binary"),
    [
        pytest.param(b"\x7fELF\x02\x01\x01\x00", True, id="nul"),
        pytest.param(bytes(range(1, 32)) * 10, True, id="unprintable"),
        pytest.param("Grüße, 漢字\n".encode() * 100, False, id="utf-8"),
        pytest.param(b"\x1b[32mok\x1b[0m " * 100, False, id="coloured"),
        pytest.param(b"", False, id="empty"),
    ],
)
def test_binary_output_is_told_from_text(data: bytes, is_binary: bool) -> None:
    assert looks_binary(data) is is_binary


def test_binary_output_is_described_not_shown(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"\x7fELF" + bytes(1000))
    assert excerpt(out) == (f"[binary output, 1004 bytes, not shown; it is in {out}]", True)


def test_a_cut_falls_on_line_ends_where_there_are_some() -> None:
    text = "".join(f"{number}: 1234567890\n" for number in range(100))
    shown, _ = excerpt(text, 400)
    lines = shown.split("\n")
    assert set(text.split("\n")) >= {line for line in lines if "omitted" not in line}
    assert (lines[0], lines[-2]) == ("0: 1234567890", "99: 1234567890")


def test_a_cut_in_a_long_line_is_not_in_the_middle_of_a_number() -> None:
    text = " ".join(str(number) for number in range(100_000, 200_000))
    shown, _ = excerpt(text, 1_000)
    first, _, last = shown.partition("\n[…")
    assert {len(word) for word in first.split()} == {6}
    assert {len(word) for word in last.partition("]\n")[2].split()} == {6}
