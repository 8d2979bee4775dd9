"""What a service may report as usage, through the real SDK and a loopback server: believed, or charged at the worst case."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from ralph.model.blocks import text
from ralph.model.cache_health import CacheHealth
from ralph.model.call import CallTerms, Model
from ralph.model.client import sdk_client
from ralph.model.dialogue import Dialogue
from ralph.model.failures import WorstCaseError
from ralph.model.pace import Pace
from ralph.model.reply import Reply
from tests.faults.money.told_usage import serving
from tracing.budget import Ledger, Limit
from tracing.meter import Meter
from tracing.prices import PriceBook
from tracing.redact import Redactor
from tracing.store import TraceStore
from tracing.tracer import Tracer

MODEL = "claude-opus-5-5"  # by the table: $4 in, $0.20 from the cache, $5 and $8 into it, $20 out
RUN = Limit("run:1", 10_000_000)
MAX_TOKENS = 10_000
FINE_MICROS = 1_000 * 4 + 50 * 20


class Bench:
    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.service = stack.enter_context(serving())
        self.ledger = stack.enter_context(closing(Ledger.open(folder / "ledger.db")))
        self.store = stack.enter_context(closing(TraceStore.open(folder / "traces.db")))
        self.meter = Meter(self.ledger, PriceBook())
        url = f"http://127.0.0.1:{self.service.server_port}"
        client = sdk_client(api_key="k", base_url=url)
        pace = Pace(sleep=lambda _seconds, _cancel: None)
        self.model = stack.enter_context(closing(Model(client, self.meter, MODEL, pace=pace)))
        self.tracer = Tracer(self.store, redact=Redactor())
        self.trace = self.tracer.start_trace("t")
        stack.callback(self.trace.end)

    def ask(self, *, at_start: str | None = None, at_end: str | None = None) -> Reply:
        self.service.at_start = at_start or self.service.at_start
        self.service.at_end = at_end or self.service.at_end
        dialogue = Dialogue("You implement one story.", [], self.tracer.conversation())
        dialogue.hear([text("Story")])
        terms = CallTerms(limits=lambda: [RUN], max_tokens=MAX_TOKENS)
        return self.model.call(dialogue, terms, trace=self.trace, health=CacheHealth())

    @property
    def reserved_micros(self) -> int:
        rows = self.ledger._connection.execute("SELECT reserved_micros FROM reservations")
        return int(rows.fetchone()[0])

    def attributes(self) -> dict[str, Any]:
        return dict(self.store.trace(self.trace.trace_id).spans[-1].attributes)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)


@pytest.mark.parametrize("fifty", ["50", '"50"', "50.0"])  # the SDK reads all of them as a whole number
def test_plain_usage_is_charged_to_the_micro_dollar(bench: Bench, fifty: str) -> None:
    assert (
        bench.ask(at_end=f'{{"output_tokens": {fifty}}}').cost_micros
        == FINE_MICROS
        == bench.ledger.spent(RUN.scope).total_micros
    )


@pytest.mark.parametrize(
    ("at_start", "at_end", "named"),
    [
        pytest.param('{"input_tokens": -5, "output_tokens": 1}', None, "input_tokens", id="negative-input"),
        pytest.param(None, '{"output_tokens": -50}', "output_tokens", id="negative-output"),
        pytest.param(None, '{"output_tokens": NaN}', "output_tokens", id="nan"),
        pytest.param(None, '{"output_tokens": Infinity}', "output_tokens", id="infinity"),
        pytest.param(None, '{"output_tokens": 12.5}', "output_tokens", id="fraction"),
        pytest.param(None, '{"output_tokens": "many"}', "output_tokens", id="text"),
        pytest.param(None, '{"output_tokens": ""}', "output_tokens", id="empty-text"),
        pytest.param(None, '{"output_tokens": [50]}', "output_tokens", id="list"),
        pytest.param(None, '{"output_tokens": 1e400}', "output_tokens", id="beyond-a-float"),
        pytest.param(None, '{"output_tokens": 99999999999999999999999999}', "output_tokens", id="beyond-sqlite"),
        pytest.param('{"input_tokens": 1000, "cache_read_input_tokens": -9}', None, "cache_read", id="negative-cache"),
        pytest.param(
            '{"input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": "x"}}', None, "1h", id="text-in-detail"
        ),
    ],
)
def test_usage_that_no_call_can_have_is_charged_at_the_worst_case_and_says_so(
    bench: Bench, at_start: str | None, at_end: str | None, named: str
) -> None:
    reply = bench.ask(at_start=at_start, at_end=at_end)
    assert reply.usage_is_bound
    assert reply.cost_micros == bench.ledger.spent(RUN.scope).total_micros == bench.reserved_micros
    assert named in str(bench.attributes()["ralph.usage.refused"])
    assert bench.meter.broken_assumptions == ()


@pytest.mark.parametrize(
    ("at_start", "at_end"),
    [
        pytest.param("null", "null", id="nothing-at-all"),
        pytest.param("{}", "{}", id="empty"),
        pytest.param('{"input_tokens": 0, "output_tokens": 0}', '{"output_tokens": 0}', id="zeros"),
        pytest.param('{"output_tokens": 1}', '{"output_tokens": 50}', id="no-input"),
    ],
)
def test_usage_that_is_missing_is_charged_at_the_worst_case(bench: Bench, at_start: str, at_end: str) -> None:
    assert bench.ask(at_start=at_start, at_end=at_end).cost_micros == bench.reserved_micros


def test_where_only_the_output_is_missing_the_worst_output_is_charged(bench: Bench) -> None:
    assert bench.ask(at_end="{}").cost_micros == 1_000 * 4 + MAX_TOKENS * 20


@pytest.mark.parametrize(
    ("at_start", "at_end", "micros"),
    [
        pytest.param(
            '{"input_tokens": 10, "cache_read_input_tokens": 5000}', None, 10 * 4 + 1_000 + 50 * 20, id="cache-above-input"
        ),
        pytest.param(
            '{"input_tokens": 10, "cache_creation": {"ephemeral_5m_input_tokens": 100}}', None,
            10 * 4 + 100 * 5 + 50 * 20, id="breakdown-without-a-sum",
        ),
        pytest.param(
            '{"input_tokens": 10, "cache_creation_input_tokens": 5, "cache_creation": {"ephemeral_1h_input_tokens": 100}}',
            None, 10 * 4 + 100 * 8 + 50 * 20, id="breakdown-above-its-sum",
        ),
        pytest.param(
            '{"input_tokens": 1000, "output_tokens": 1}', '{"input_tokens": 0, "output_tokens": 50}',
            FINE_MICROS, id="input-that-falls",
        ),
        pytest.param(
            '{"input_tokens": 1000, "output_tokens": 90}', '{"output_tokens": 50}', 1_000 * 4 + 90 * 20,
            id="output-that-falls",
        ),
        pytest.param(
            '{"input_tokens": 1000, "output_tokens": 1}',
            '{"input_tokens": 100, "cache_read_input_tokens": 900, "output_tokens": 50}',
            100 * 4 + 180 + 50 * 20, id="input-told-apart-at-the-end",
        ),
    ],
)  # fmt: skip
def test_counts_that_contradict_each_other_are_charged_at_the_dearer_reading(
    bench: Bench, at_start: str, at_end: str | None, micros: int
) -> None:
    assert bench.ask(at_start=at_start, at_end=at_end).cost_micros == micros


@pytest.mark.parametrize(
    ("at_start", "at_end"),
    [
        pytest.param(None, '{"output_tokens": 900000}', id="more-output-than-asked-for"),
        pytest.param('{"input_tokens": 900000, "output_tokens": 1}', None, id="more-input-than-was-sent"),
        pytest.param('{"input_tokens": 9, "cache_creation_input_tokens": 900000}', None, id="more-written-than-sent"),
        pytest.param(None, '{"output_tokens": 1000000000}', id="the-most-that-is-believed"),
    ],
)
def test_usage_above_its_reservation_is_booked_whole_and_stops_everything(
    bench: Bench, at_start: str | None, at_end: str | None
) -> None:
    with pytest.raises(WorstCaseError, match="ralph costs reconcile 1 --accept"):
        bench.ask(at_start=at_start, at_end=at_end)
    (broken,) = bench.ledger.broken_assumptions()
    assert broken.charged_micros == bench.ledger.spent(RUN.scope).total_micros > broken.reserved_micros
    exceeded = bench.attributes()["ralph.cost.exceeded_micros"]
    assert exceeded == broken.charged_micros - broken.reserved_micros
    with pytest.raises(WorstCaseError):
        bench.ask()
