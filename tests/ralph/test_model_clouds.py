"""Bedrock and Vertex, through the SDK's own clients with their real signing and decoding, against the scripted service."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import google.auth.exceptions
import pytest
from botocore import exceptions as aws_errors  # type: ignore[import-untyped]

from ralph.errors import RalphError
from ralph.model.access import key_for, price_book, require_access
from ralph.model.blocks import text
from ralph.model.cache_health import CacheHealth
from ralph.model.call import CallTerms
from ralph.model.client import sdk_client
from ralph.model.concessions import Concessions
from ralph.model.dialogue import Dialogue
from ralph.model.failures import Charge, ContextTooLongError, Failure, Verdict, classify
from ralph.model.pace import Pace
from ralph.model.pool import Models
from ralph.model.reply import Reply
from ralph.model.trouble import ServiceError
from ralph.models import Player, client_for
from ralph.replay.scripted import ScriptedModel, Turn, calls, error_midway, fails, garbage_lines, no_message_stop, says
from ralph.replay.server import serve
from ralph.replay.sse import Answer
from ralph.settings.kinds import Provider
from ralph.settings.schema import Settings
from tracing.budget import Ledger, Limit
from tracing.meter import Meter
from tracing.prices import PriceBook, TokenUsage, UnknownPriceError
from tracing.redact import Redactor
from tracing.store import TraceStore
from tracing.tracer import Tracer

BEDROCK_MODEL = "us.anthropic.claude-opus-5-5-v1:0"
VERTEX_MODEL = "claude-opus-5-5@20260901"
google_errors: Any = google.auth.exceptions  # untyped
CLOUDS: list[tuple[Provider, str]] = [("bedrock", BEDROCK_MODEL), ("vertex", VERTEX_MODEL)]
CLOUD_VARIABLES = (
    "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE",
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK", "CLOUD_ML_REGION",
    "ANTHROPIC_VERTEX_PROJECT_ID", "GOOGLE_CLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS",
)  # fmt: skip
AWS_KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}


@pytest.fixture(autouse=True)
def no_clouds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine's own access is seen, and no metadata server is asked."""
    for name in CLOUD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-aws-credentials"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "no-gcloud"))


def settings(provider: Provider, **given: Any) -> Settings:
    return Settings.model_validate({"provider": provider, **given})


class Cloud:
    """A service on loopback that both clouds' clients can talk to, and the models behind it."""

    def __init__(self, folder: Path) -> None:
        self.waits_s: list[float] = []
        self.told: list[Failure] = []
        self.store = TraceStore.open(folder / "traces.db")
        self.ledger = Ledger.open(folder / "ledger.db")
        self.tracer = Tracer(self.store, redact=Redactor())
        self.trace = self.tracer.start_trace("invoke_agent ralph")
        self.dialogue = Dialogue("You implement one story. " * 400, [], self.tracer.conversation())
        self.dialogue.hear([text("Story: US-001")])

    def ask(self, models: Models, name: str) -> Reply:
        def told(_attempt: int, failure: Failure, _wait_s: float) -> None:
            self.told.append(failure)

        terms = CallTerms(
            limits=lambda: [Limit("run:r1", 10_000_000)], max_tokens=8_000, effort="medium", attempt_failed=told
        )
        reply = models.get(name).call(self.dialogue, terms, trace=self.trace, health=CacheHealth())
        self.dialogue.answered(reply.content, reply.usage)
        return reply

    def models(self, provider: Provider, url: str) -> Models:
        meter = Meter(self.ledger, price_book(settings(provider), {"CLOUD_ML_REGION": "global"}))
        client = sdk_client(provider=provider, base_url=url, api_key="a-token", project="a-project")
        return Models(client, meter, pace=Pace(sleep=self.sleep), provider=provider)

    def sleep(self, seconds: float, _cancel: object) -> None:
        self.waits_s.append(seconds)

    def close(self) -> None:
        self.trace.end()
        self.store.close()
        self.ledger.close()


class Listening(ScriptedModel):
    """Remembers how the last request was signed."""

    authorization = ""

    def respond(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.authorization = headers.get("authorization", "")
        return super().respond(method, path, headers, body)


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("CLOUD_ML_REGION", "global")
    made = Cloud(tmp_path)
    yield made
    made.close()


def played(cloud: Cloud, provider: Provider, name: str, turns: Sequence[Turn]) -> tuple[Reply, ScriptedModel]:
    service = ScriptedModel(turns)
    with serve(service) as url:
        models = cloud.models(provider, url)
        try:
            return cloud.ask(models, name), service
        finally:
            models.close()


@pytest.mark.parametrize(("provider", "name"), CLOUDS)
def test_a_cloud_answers_and_is_charged_what_it_bills(cloud: Cloud, provider: Provider, name: str) -> None:
    reply, service = played(cloud, provider, name, [calls("bash", {"command": "ls"}, saying="Look. ü").thinking("hm")])
    assert [block["type"] for block in reply.content] == ["thinking", "text", "tool_use"]
    assert reply.content[1]["text"] == "Look. ü"
    assert reply.tool_calls[0]["input"] == {"command": "ls"}
    (bill,) = service.bills
    assert bill.model == name
    assert reply.usage.input_tokens == bill.usage.input_tokens
    assert reply.usage.cache_write_5m_tokens == bill.usage.cache_write_5m_tokens > 0
    assert cloud.ledger.spent("run:r1").settled_micros == reply.cost_micros > 0
    (body,) = service.requests
    assert body["output_config"] == {"effort": "medium"}


@pytest.mark.parametrize(("provider", "name"), CLOUDS)
def test_a_cloud_gets_the_moving_breakpoint_on_the_last_block_and_reads_the_cache(
    cloud: Cloud, provider: Provider, name: str
) -> None:
    service = ScriptedModel([says("one"), says("two")])
    with serve(service) as url:
        models = cloud.models(provider, url)
        cloud.ask(models, name)
        cloud.dialogue.hear([text("And now?"), text("Go on.")])
        second = cloud.ask(models, name)
        models.close()
    assert not any("cache_control" in body for body in service.requests)
    last: Any = service.requests[-1]["messages"]
    assert ["cache_control" in block for block in last[-1]["content"]] == [False, True]
    assert second.usage.cache_read_tokens > 0


@pytest.mark.parametrize(("provider", "name"), CLOUDS)
@pytest.mark.parametrize(
    "turn",
    [
        pytest.param(fails(429, message="Too many tokens, please wait before trying again."), id="throttled"),
        pytest.param(fails(503), id="503"),
        pytest.param(fails(529), id="529"),
        pytest.param(error_midway("overloaded_error"), id="overloaded-midway"),
        pytest.param(error_midway("api_error"), id="api-error-midway"),
        pytest.param(error_midway("rate_limit_error"), id="throttled-midway"),
        pytest.param(no_message_stop(), id="no-message-stop"),
    ],
)
def test_a_clouds_passing_failure_is_tried_again(cloud: Cloud, provider: Provider, name: str, turn: Turn) -> None:
    reply, _ = played(cloud, provider, name, [turn, says("hi")])
    assert reply.content[0]["text"] == "hi"
    assert len(cloud.waits_s) == 1
    assert cloud.ledger.spent("run:r1").held_micros == 0


@pytest.mark.parametrize(
    ("provider", "name", "turn", "words"),
    [
        pytest.param(
            "bedrock",
            BEDROCK_MODEL,
            fails(403),
            r"403: Your API key .* resource\. Check the AWS credentials \(`aws sso login`\)",
            id="aws-403",
        ),
        pytest.param("vertex", VERTEX_MODEL, fails(403), "403.*Your API key .*`gcloud auth", id="google-403"),
        pytest.param("vertex", VERTEX_MODEL, fails(404), "404.*model: no-such-model.*model's name", id="google-404"),
        pytest.param(
            "bedrock", BEDROCK_MODEL, error_midway("billing_error"), "validationException in the middle", id="midway"
        ),
    ],
)
def test_a_cloud_that_refuses_for_good_says_what_to_do_there(
    cloud: Cloud, provider: Provider, name: str, turn: Turn, words: str
) -> None:
    with pytest.raises(ServiceError, match=words):
        played(cloud, provider, name, [turn])
    assert cloud.waits_s == []


@pytest.mark.parametrize(("provider", "name"), CLOUDS)
def test_a_conversation_that_is_too_long_is_recognised(cloud: Cloud, provider: Provider, name: str) -> None:
    with pytest.raises(ContextTooLongError, match="Input is too long"):
        played(cloud, provider, name, [fails(400, message="Input is too long for requested model.")])


@pytest.mark.parametrize(("provider", "name"), CLOUDS)
def test_an_effort_that_the_clouds_model_does_not_take_is_left_out_and_told(
    cloud: Cloud, provider: Provider, name: str
) -> None:
    refusal = fails(400, message="output_config: Extra inputs are not permitted")
    _, service = played(cloud, provider, name, [refusal, says("hi")])
    assert ["output_config" in body for body in service.requests] == [True, False]
    assert [failure.dropped for failure in cloud.told] == [("effort",)]


def test_a_stream_whose_bytes_are_damaged_is_tried_again(cloud: Cloud) -> None:
    reply, _ = played(cloud, "bedrock", BEDROCK_MODEL, [garbage_lines(), says("hi")])
    assert reply.content[0]["text"] == "hi"
    assert len(cloud.waits_s) == 1


def test_bedrock_requests_are_signed_with_the_keys_of_the_environment(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (AWS_KEYS | {"AWS_REGION": "eu-west-3"}).items():  # the SDK keeps a session per region
        monkeypatch.setenv(name, value)
    require_access(settings("bedrock"))
    service = Listening([says("hi")])
    with serve(service) as url:
        client = client_for(settings("bedrock", base_url=url), Player())
        models = Models(client, Meter(cloud.ledger, PriceBook()), provider="bedrock")
        cloud.ask(models, BEDROCK_MODEL)
        models.close()
    assert service.authorization.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")


def test_credentials_that_cannot_be_read_end_the_call_with_the_remedy(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")  # the SDK keeps a session per region
    client = sdk_client(provider="bedrock", base_url="http://127.0.0.1:9")
    models = Models(client, Meter(cloud.ledger, PriceBook()), provider="bedrock")
    with pytest.raises(ServiceError, match=r"ProfileNotFound: .*no-such-profile.* Check the AWS credentials"):
        cloud.ask(models, BEDROCK_MODEL)
    models.close()
    assert cloud.ledger.spent("run:r1").total_micros == 0


@pytest.mark.parametrize(
    ("provider", "environ", "remedy"),
    [
        pytest.param("anthropic", {}, "set ANTHROPIC_API_KEY", id="no-key"),
        pytest.param("bedrock", {}, "AWS_REGION", id="no-aws-region"),
        pytest.param("bedrock", {"AWS_REGION": "us-east-1"}, "aws sso login", id="no-aws-credentials"),
        pytest.param("bedrock", {"AWS_PROFILE": "nobody"}, "nobody", id="no-aws-profile"),
        pytest.param("vertex", {}, "CLOUD_ML_REGION", id="no-google-region"),
        pytest.param("vertex", {"CLOUD_ML_REGION": "global"}, "ANTHROPIC_VERTEX_PROJECT_ID", id="no-project"),
        pytest.param(
            "vertex",
            {"CLOUD_ML_REGION": "global", "GOOGLE_CLOUD_PROJECT": "p"},
            "gcloud auth application-default login",
            id="no-google-credentials",
        ),
    ],
)
def test_what_a_provider_misses_is_found_before_a_run_with_its_remedy(
    provider: Provider, environ: dict[str, str], remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RalphError, match=remedy):
        require_access(settings(provider), environ)


@pytest.mark.parametrize("provider", ["bedrock", "vertex"])
def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _module: None)
    with pytest.raises(RalphError, match=rf"pip install 'ralph-runner\[{provider}\]'"):
        require_access(settings(provider), {})


@pytest.mark.parametrize(
    ("provider", "environ"),
    [
        pytest.param("anthropic", {"ANTHROPIC_API_KEY": "k"}, id="key"),
        pytest.param("anthropic", {"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}, id="a-server-of-ones-own"),
        pytest.param("bedrock", {"AWS_REGION": "r", "AWS_BEARER_TOKEN_BEDROCK": "t"}, id="bedrock-token"),
    ],
)
def test_a_provider_that_has_what_it_needs_is_let_through(provider: Provider, environ: dict[str, str]) -> None:
    require_access(settings(provider), environ)


def test_a_server_of_ones_own_gets_a_word_for_a_key_only_when_there_is_none() -> None:
    local = settings("anthropic", base_url="http://127.0.0.1:1")
    assert key_for(local, {}) == "no-key"
    assert key_for(local, {"ANTHROPIC_AUTH_TOKEN": "t"}) is None
    assert key_for(settings("anthropic"), {}) is None


@pytest.mark.parametrize(
    ("name", "micros"),
    [
        pytest.param("claude-opus-5-5", 4_000_000, id="anthropic"),
        pytest.param("us.anthropic.claude-opus-5-5-v1:0", 4_400_000, id="bedrock-regional"),
        pytest.param("eu.anthropic.claude-opus-5-5-v1:0", 4_400_000, id="bedrock-europe"),
        pytest.param("anthropic.claude-opus-5-5-v1:0", 4_400_000, id="bedrock-in-region"),
        pytest.param("global.anthropic.claude-opus-5-5-v1:0", 4_000_000, id="bedrock-global"),
        pytest.param(
            "arn:aws:bedrock:us-east-1:1234:inference-profile/us.anthropic.claude-opus-5-5-v1:0", 4_400_000, id="arn"
        ),
        pytest.param("claude-opus-5-5@20260901", 4_400_000, id="vertex-in-any-region"),
    ],
)
def test_the_names_that_the_clouds_give_a_model_have_their_price(name: str, micros: int) -> None:
    assert PriceBook().cost_micros(name, TokenUsage(uncached_input_tokens=1_000_000)) == micros


@pytest.mark.parametrize(
    "name", ["us-gov.anthropic.claude-opus-5-5-v1:0", "arn:aws:bedrock:r:1:application-inference-profile/x"]
)
def test_a_name_without_a_known_price_is_refused_with_what_to_add(name: str) -> None:
    with pytest.raises(UnknownPriceError, match=r"\[prices\."):
        price_book(settings("bedrock"), {}).check(name)


@pytest.mark.parametrize(
    ("region", "factor"), [("global", Decimal(1)), ("europe-west1", Decimal("1.1")), ("us", Decimal("1.1"))]
)
def test_vertex_regions_cost_a_tenth_more_than_its_global_endpoint(region: str, factor: Decimal) -> None:
    book = price_book(settings("vertex"), {"CLOUD_ML_REGION": region})
    anywhere = PriceBook(catalogue="google")
    worst = anywhere.worst_case_micros(VERTEX_MODEL, 1_000_000, 1_000)
    assert book.worst_case_micros(VERTEX_MODEL, 1_000_000, 1_000) == worst * factor
    assert book.worst_case_micros("claude-opus-5-5", 1_000_000, 1_000) == worst * factor
    assert ("x1.1" in book.version) is (factor != 1)


def test_ones_own_prices_carry_no_surcharge() -> None:
    own = settings("vertex", prices={VERTEX_MODEL: {"input": 1.0, "output": 2.0}})
    book = price_book(own, {"CLOUD_ML_REGION": "europe-west1"})
    assert book.worst_case_micros(VERTEX_MODEL, 0, 1_000_000) == 2_000_000


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        pytest.param(google_errors.TransportError("no route"), Verdict.RETRY, id="google-network"),
        pytest.param(google_errors.RefreshError("busy", retryable=True), Verdict.RETRY, id="google-says-retry"),
        pytest.param(google_errors.RefreshError("revoked"), Verdict.GIVE_UP, id="google-revoked"),
        pytest.param(aws_errors.EndpointConnectionError(endpoint_url="https://sso"), Verdict.RETRY, id="aws-network"),
        pytest.param(
            aws_errors.TokenRetrievalError(provider="sso", error_msg="expired"), Verdict.GIVE_UP, id="aws-sso"
        ),
    ],
)
def test_a_request_that_could_not_be_signed_was_never_sent(error: Exception, verdict: Verdict) -> None:
    failure = classify(error, datetime.now(UTC), "bedrock")
    assert (failure.verdict, failure.charge) == (verdict, Charge.NOTHING)


def test_the_clouds_names_of_a_model_have_its_longest_answer() -> None:
    assert Concessions("us.anthropic.claude-haiku-4-5-20251001-v1:0").max_tokens(128_000) == 64_000


def test_the_models_of_a_run_share_a_client_and_a_pace_and_are_each_made_once(cloud: Cloud) -> None:
    service = ScriptedModel([says("a"), says("b")])
    with serve(service) as url:
        models = cloud.models("vertex", url)
        cloud.ask(models, VERTEX_MODEL)
        cloud.dialogue.hear([text("Go on.")])
        cloud.ask(models, "claude-sonnet-5-5")
        assert models.get(VERTEX_MODEL) is models.get(VERTEX_MODEL)
        assert models.get(VERTEX_MODEL).pace is models.get("claude-sonnet-5-5").pace is models.pace
        models.close()
    assert [body["model"] for body in service.requests] == [VERTEX_MODEL, "claude-sonnet-5-5"]
