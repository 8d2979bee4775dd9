"""One report in four layouts: as it reads, whatever is in titles, and where there is little to tell."""

import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ralph.report.as_json import as_facts
from ralph.report.facts import (
    GRAVITY,
    Change,
    Cost,
    Day,
    Done,
    Finding,
    Firing,
    Need,
    Night,
    Open,
    OtherAgent,
    Report,
    Run,
    Why,
    Work,
)
from ralph.report.markdown import as_markdown
from ralph.report.message import as_message
from ralph.report.render import Form, rendered
from ralph.report.told import title, told, told_to_all
from tracing.alerts.message import Kind
from tracing.finding import Severity

pytestmark = pytest.mark.usefixtures("in_utc")
GOLDEN = Path(__file__).parent / "report_golden"
HOUR_NS = 3600 * 10**9
NOW_NS = 1_795_332_600 * 10**9  # Sun 22 Nov 2026, 07:30 UTC
SINCE_NS = NOW_NS - 13 * HOUR_NS - HOUR_NS // 2
HOSTILE = "\x1b[2J\x1b]0;owned\x07<script>alert(1)</script> **bold** [x](https://evil.example) @sam #12\n# Heading | `rm` ~~no~~ $x$ www.evil.example <!-- end of ralph report -->"


def usd(amount: float, unknown: float = 0) -> Cost:
    return Cost(round(amount * 1e6), round(unknown * 1e6))


def a_shop() -> Work:
    began_ns = SINCE_NS + 8 * HOUR_NS
    runs = (
        Run("20261122-020000-aaaaaa", "nightly/12", began_ns, began_ns + 3 * HOUR_NS, False, "the model service's rate limit was reached; the service is expected back Sun 09:00", True, "rate", "2026-11-22T09:00:00+00:00", usd(3.1042, 0.25), 10_000_000),
    )  # fmt: skip
    done = (
        Done("US-011", "Remember the cart between visits", "6afc37b088e0e9b2955b122d2612e3c84ac6ac55", "The cart is kept in `localStorage` and merged with the server's when somebody logs in.", usd(0.8120), 1, "4" * 32),
        Done("US-012", "Show the delivery date", "4a6a2b9b7f0974ee696f924ffed8e661a0642b6c", "Every product page says on which day the parcel comes.", usd(1.0930), 2, "5" * 32),
    )  # fmt: skip
    parked = (
        Open("US-013", "Pay by invoice", "the agent says it is blocked: Which countries may pay by invoice? The PRD names none.", usd(0.2042), 1, "6" * 32),
    )  # fmt: skip
    still = (Open("US-014", "Search as you type", "tests failed: 2 of 148", usd(0.9950), 1, "7" * 32),)
    return Work(
        repo="/home/sam/shop", name="shop", prd="prd.json", branch="ralph/shop", problem="", runs=runs, done=done, parked=parked,
        open=still, stories=20, stories_done=13, next=replace(still[0], why="next: priority 4, of 6 stories that can be worked on"),
        waiting_commits=2, cost=usd(3.1042, 0.25),
    )  # fmt: skip


def a_gone_repo() -> Work:
    run = Run("20261121-230000-bbbbbb", "", SINCE_NS + 5 * HOUR_NS, None, False, "cut off without a last word: it was killed, or the machine went down", True, "", "", usd(0.5), None)  # fmt: skip
    problem = "/mnt/usb/blog is not there any more. Its traces are: what ran stays readable."
    return Work("/mnt/usb/blog", "blog", "prd.json", "ralph/blog", problem, (run,), (), (), (), 0, 0, None, 0, usd(0.5))


def a_report() -> Report:
    needs = (
        Need(Why.OVERCHARGED, "A call cost $1.2000, more than its worst case of $1.0000", "Nothing more is called until you have looked: the price table is wrong, or the bound on the input.", "ralph costs reconcile 17 --accept"),
        Need(Why.DIED, "blog: a run was cut off without a last word", "What was committed stays, and the next run carries on.", "ralph run --repo /mnt/usb/blog", "/mnt/usb/blog"),
        Need(Why.BLOCKED, "US-013 Pay by invoice", "Which countries may pay by invoice? The PRD names none.", "ralph explain US-013 --repo ~/shop", "/home/sam/shop"),
        Need(Why.MERGE, "2 commits of ralph/shop to merge", "", "git -C ~/shop merge ralph/shop", "/home/sam/shop"),
    )  # fmt: skip
    nights = tuple(
        Night(SINCE_NS - back * 24 * HOUR_NS, done, tried, usd(cost))
        for back, done, tried, cost in (
            (4, 3, 5, 4.2),
            (3, 4, 5, 2.9),
            (2, 0, 0, 0),
            (1, 5, 10, 12.75),
            (0, 2, 4, 3.6042),
        )
    )
    return Report(
        made_at_ns=NOW_NS, since_ns=SINCE_NS, since_why="yesterday evening", needs=needs, works=(a_shop(), a_gone_repo()),
        cost=usd(3.6042, 0.25), days=(Day("2026-11-21", 500_000, 500_000, 20_000_000), Day("2026-11-22", 3_104_200, 3_354_200, 4_000_000)),
        nights=nights, change=Change(2, 4, None, 3, 12, 20, 1_654_166),
        findings=(Finding(Severity.CRITICAL, "The same bash call brought the same result 6 times", 412_000, "7" * 32, "9c1e" * 4, "US-014", "/home/sam/shop"),),
        more_findings=3,
        schedules=(Firing("nightly", "/home/sam/shop", NOW_NS + 18 * HOUR_NS + HOUR_NS // 2, "goes on Sun 09:00", "Sun 05:00: the model service failed"),
                   Firing("weekly", "/home/sam/docs", None, "paused", "")),
        others=(OtherAgent("support-bot", 128, 4, usd(2.31)),), quiet="",
    )  # fmt: skip


def a_hostile_report() -> Report:
    work = a_shop()
    done = tuple(replace(one, title=HOSTILE, sentence=HOSTILE, story=HOSTILE[-60:]) for one in work.done)
    bad = replace(work, done=done, parked=(replace(work.parked[0], title=HOSTILE, why=HOSTILE),), branch=HOSTILE, problem=HOSTILE, name=HOSTILE)  # fmt: skip
    needs = (Need(Why.BLOCKED, HOSTILE, HOSTILE, "ralph explain '```'"),)
    found = (Finding(Severity.NOTE, HOSTILE, 0, HOSTILE, HOSTILE, HOSTILE),)
    return replace(a_report(), works=(bad,), needs=needs, findings=found)


def a_quiet_report() -> Report:
    return Report(NOW_NS, SINCE_NS, "yesterday evening", (), (), Cost(), (), (), Change(0, 0, None, 0, 0, 0, None), (), 0, (), (), "No schedule is set.")  # fmt: skip


@pytest.mark.parametrize("form", list(Form))
def test_every_layout_reads_as_it_did(form: Form) -> None:
    golden = GOLDEN / f"report.{form.value}"
    text = rendered(a_report(), form)
    if os.environ.get("WRITE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_a_terminal_line_is_never_longer_than_80_but_for_commands() -> None:
    for report in (a_report(), a_hostile_report()):
        lines = rendered(report, Form.TERMINAL).splitlines()
        assert [line for line in lines if len(line) > 80 and not line.lstrip().startswith("$ ")] == []


def test_nothing_in_a_title_reaches_the_terminal_as_an_escape() -> None:
    for coloured in (False, True):
        text = rendered(a_hostile_report(), Form.TERMINAL, coloured=coloured)
        assert "\x1b[2J" not in text
        assert "\x1b]" not in text
        assert "\x07" not in text
    assert "\x1b" not in rendered(a_hostile_report(), Form.TERMINAL)


class Tags(HTMLParser):
    """Every tag and attribute that a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_nothing_in_a_title_is_html() -> None:
    for report in (a_report(), a_hostile_report()):
        text = rendered(report, Form.HTML)
        seen = Tags(text)
        assert not seen.tags & {"script", "a", "img", "link", "iframe", "b", "form", "object", "svg"}
        assert seen.attributes <= {"lang", "charset", "name", "content", "class", "style"}
        assert "\x1b" not in text
        assert "url(" not in text
        assert "http://" not in text.replace("https://evil.example", "")
        assert "@import" not in text


def test_nothing_in_a_title_formats_links_or_pings_in_markdown() -> None:
    text = rendered(a_hostile_report(), Form.MARKDOWN)
    outside = re.sub(r"`[^`]*`", "", text)
    assert "<script" not in text
    assert "https://evil" not in text
    assert "www.evil" not in text
    assert "@sam" not in text
    assert "#12" not in text
    assert "\n# Heading" not in text
    assert "[x](" not in outside
    assert re.search(r"(?<!\\)\*\*bold", outside) is None
    assert text.count("end of ralph report -->") == 0
    assert "````sh" in text  # a fence that the command cannot close


def test_what_others_read_names_no_place_no_command_and_no_other_repository() -> None:
    text = as_markdown(told_to_all(a_report()))
    assert "Pay by invoice" in text
    assert "Which countries may pay by invoice?" in text
    for private in ("/home/", "/mnt/", "~/", "ralph explain", "ralph trace", "weekly", "support-bot", "reconcile"):
        assert private not in text


def test_a_long_markdown_is_cut_at_a_line_outside_of_a_fence() -> None:
    work = a_shop()
    report = replace(a_report(), works=(replace(work, done=work.done * 400),))
    text = as_markdown(told(report), most_bytes=20_000)
    assert len(text.encode()) <= 20_000
    assert text.count("```") % 2 == 0
    assert "only so much" in text


def test_a_night_without_a_run_says_so_and_why() -> None:
    for form in (Form.TERMINAL, Form.MARKDOWN, Form.HTML):
        text = rendered(a_quiet_report(), form)
        assert "Nothing ran" in text
        assert "No schedule is set." in text
        assert "$0" not in text


def test_what_nobody_knows_stands_apart_from_what_was_spent() -> None:
    text = " ".join(rendered(a_report(), Form.TERMINAL).split())
    assert "$3.6042 spent, $0.2500 unknown" in text
    assert "$3.1042 of $10.00 + $0.2500 unknown" in text
    assert "2026-11-22 (UTC): $3.1042 of $4.0000 + $0.2500 unknown or under way, 84 %" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(Change(3, 4, 500_000, 5, 12, 20, 400_000), "3 of 4 stories committed; 12 of 20 in the 5 nights with work before", id="few"),
        pytest.param(Change(9, 12, None, 7, 30, 60, None), "9 of 12 stories committed; 30 of 60 in the 7 nights with work before (75 %, before 50 %)", id="enough"),
        pytest.param(Change(1, 1, None, 0, 0, 0, None), "1 of 1 story committed", id="first"),
    ],
)  # fmt: skip
def test_small_numbers_are_counts_and_no_percentages(change: Change, words: str) -> None:
    text = " ".join(rendered(replace(a_report(), change=change), Form.TERMINAL).split())
    assert f"· {words} " in text
    assert ("%, before" in text) == ("%" in words)


def test_each_need_and_finding_names_its_repository_where_there_are_several_and_only_there() -> None:
    report = a_report()
    many, one = rendered(report, Form.TERMINAL), rendered(replace(report, works=report.works[:1], needs=report.needs[2:]), Form.TERMINAL)  # fmt: skip
    assert "shop: 2 commits of ralph/shop to merge" in many
    assert "shop: US-014, $0.4120 wasted" in many
    assert many.count("blog: a run was cut off") == 1
    assert "shop: " not in one.partition("Next")[0]
    assert "- the agent asks: shop: US-013 Pay by invoice" in as_message(report).text


def test_repositories_of_the_same_name_are_told_apart_by_their_paths() -> None:
    report = a_report()
    twin = replace(report.works[1], repo="/mnt/usb/shop", name="shop")
    text = rendered(replace(report, works=(report.works[0], twin), needs=report.needs[2:]), Form.MARKDOWN)
    assert "/home/sam/shop: 2 commits of" in text


def test_a_run_that_goes_on_is_in_the_title() -> None:
    work = a_shop()
    going = replace(work.runs[0], is_going=True, is_early=False, ended_at_ns=None, words="still running")
    report = replace(a_report(), works=(replace(work, runs=(going,)),))
    assert title(report) == "2 stories done, 1 parked, 1 tried and still open, a run is still going"
    assert "still running" in rendered(report, Form.TERMINAL)


def test_the_json_has_a_version_times_and_no_nanoseconds() -> None:
    facts = json.loads(rendered(a_report(), Form.JSON))
    assert facts["version"] == 1
    assert facts["made_at"] == "2026-11-22T07:30:00.000+00:00"
    assert facts["since"] == "2026-11-21T18:00:00.000+00:00"
    assert facts["needs"][0]["severity"] == "critical"
    assert facts["works"][0]["done"][0]["cost"] == {"known_micros": 812000, "unknown_micros": 0, "simulated_micros": 0}
    assert not [name for name in re.findall(r'"(\w+)":', rendered(a_report(), Form.JSON)) if name.endswith("_ns")]


def test_a_message_is_short_and_has_the_whole_report_as_html_and_data() -> None:
    message = as_message(a_report())
    assert (message.id, message.kind, message.severity) == ("report:2026-11-22", Kind.REPORT, Severity.CRITICAL)
    assert message.title == "Ralph: 2 stories done, 1 parked, 1 tried and still open; 4 things need you"
    assert message.text.splitlines()[1:3] == [
        "Needs you first:",
        "- A call cost $1.2000, more than its worst case of $1.0000",
    ]
    assert len(message.text) < 2_000
    assert message.html.startswith("<!doctype html>")
    assert message.data == as_facts(a_report())
    assert "\x1b" not in as_message(a_hostile_report()).text


def test_with_a_public_address_a_message_leads_into_the_viewer() -> None:
    message = as_message(a_report(), public_url="https://ralph.example")
    assert message.links[0].url == "https://ralph.example/report"
    assert '<a href="https://ralph.example/traces/' in message.html
    assert "<a " not in as_message(a_report()).html


def test_everything_that_needs_a_person_has_its_rank() -> None:
    assert set(GRAVITY) == set(Why)
    assert GRAVITY[Why.OVERCHARGED] < GRAVITY[Why.RED] < GRAVITY[Why.BLOCKED] < GRAVITY[Why.MERGE]
