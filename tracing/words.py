"""Words for amounts, times and lengths: what every list says alike, on a terminal and on a page."""

from datetime import UTC, datetime

MICROS_PER_USD = 1_000_000


def plain(text: object) -> str:
    """On one line, without the control characters that could repaint a terminal."""
    words = " ".join(str(text).split())
    if words.isprintable():  # nearly always, and a hundred times quicker than to look at each character
        return words
    blank = {ord(char): " " for char in set(words) if not char.isprintable()}
    return " ".join(words.translate(blank).split())


def plain_lines(text: str) -> list[str]:
    """As it stands, line by line, without control characters; tabs become spaces."""
    lines = text.replace("\r\n", "\n").expandtabs(4).split("\n")
    return ["".join(char if char.isprintable() else "·" for char in line).rstrip() for line in lines]


def cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def money(micros: int | None) -> str:
    """Cents for what is dear, ten-thousandths of a dollar for what is cheap: "$12.34", "$0.0182"; None is "unknown"."""
    if micros is None:
        return "unknown"
    usd = micros / MICROS_PER_USD
    return f"${usd:.2f}" if usd >= 10 else f"${usd:.4f}"


def tokens(count: int) -> str:
    """Three figures or so: "142", "15.3k", "1.2M"."""
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if count >= size:
            return f"{count / size:.1f}{unit}"
    return str(count)


def percent(part: int, whole: int) -> str:
    """A dash where there is nothing to take a part of."""
    return f"{100 * part / whole:.0f} %" if whole else "-"


def length(duration_ns: int | None) -> str:
    """As in "20 ms", "4.1 s", "3m05s", "2h07m"; "open" while it runs."""
    if duration_ns is None:
        return "open"
    seconds = duration_ns / 1e9
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    return f"{minutes}m{rest_s:02d}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


def local_time(at_ns: int, form: str = "%m-%d %H:%M") -> str:
    return datetime.fromtimestamp(at_ns / 1e9).astimezone().strftime(form)


def iso_time(at_ns: int | None) -> str | None:
    return None if at_ns is None else datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(timespec="milliseconds")
