"""The prompt-cache simulation against cases worked out by hand. A block of `chars(n)` text costs n tokens and the wrapping."""

from dataclasses import dataclass

import pytest

from ralph.replay.cache_sim import CacheControlError, CacheSim
from ralph.replay.sse import Json, Usage

EPHEMERAL: Json = {"type": "ephemeral"}
ONE_HOUR: Json = {"type": "ephemeral", "ttl": "1h"}


@dataclass
class Clock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


def text(tokens: int, mark: Json | None = None, letter: str = "x") -> Json:
    """A text block of exactly this many tokens: 26 bytes are its JSON, `{"type":"text","text":""}` and one more."""
    block: Json = {"type": "text", "text": letter * (tokens * 4 - 25)}
    return block if mark is None else block | {"cache_control": mark}


def body(*messages: Json, system: list[Json] | None = None, **more: object) -> Json:
    return {"model": "claude-opus-5-5", "system": system or [], "messages": list(messages)} | more


def user(*blocks: Json) -> Json:
    return {"role": "user", "content": list(blocks)}


def test_without_breakpoints_all_input_is_uncached() -> None:
    assert CacheSim().charge(body(user(text(1_000)))) == Usage(uncached_input_tokens=1_000)


def test_the_first_request_writes_and_the_same_one_again_reads() -> None:
    cache = CacheSim()
    request = body(user(text(200)), system=[text(600, EPHEMERAL)])
    assert cache.charge(request) == Usage(uncached_input_tokens=200, cache_write_5m_tokens=600)
    assert cache.charge(request) == Usage(uncached_input_tokens=200, cache_read_tokens=600)


def test_in_a_growing_loop_each_turn_reads_what_the_last_one_read_and_wrote() -> None:
    cache = CacheSim()
    messages = [user(text(700))]
    before = Usage()
    for turn in range(60):
        request = body(*messages, system=[text(600, EPHEMERAL)], cache_control=EPHEMERAL)
        usage = cache.charge(request)
        assert usage.cache_read_tokens == before.cache_read_tokens + before.cache_creation_tokens
        assert usage.uncached_input_tokens == 0
        assert usage.cache_write_5m_tokens == (1_300 if turn == 0 else 100)
        messages += [{"role": "assistant", "content": [text(40)]}, user(text(60))]
        before = usage


@pytest.mark.parametrize(
    ("model", "tokens", "written"),
    [
        ("claude-opus-5-5", 511, 0),
        ("claude-opus-5-5", 512, 512),
        ("claude-sonnet-5", 1_023, 0),
        ("claude-opus-4-7", 2_048, 2_048),
        ("claude-haiku-4-5", 4_095, 0),
    ],
)
def test_a_prefix_below_the_models_minimum_is_passed_over_in_silence(model: str, tokens: int, written: int) -> None:
    usage = CacheSim().charge(body(user(text(tokens)), model=model, cache_control=EPHEMERAL))
    assert usage == Usage(uncached_input_tokens=tokens - written, cache_write_5m_tokens=written)


@pytest.mark.parametrize(("new_blocks", "read"), [(19, 600), (20, 0)])
def test_a_breakpoint_looks_back_over_20_blocks_and_no_further(new_blocks: int, read: int) -> None:
    cache = CacheSim()
    cache.charge(body(user(text(600)), cache_control=EPHEMERAL))
    longer = body(user(text(600), *[text(10)] * new_blocks), cache_control=EPHEMERAL)
    assert cache.charge(longer).cache_read_tokens == read


@pytest.mark.parametrize(
    ("mark", "age_s", "read"),
    [(EPHEMERAL, 299, 600), (EPHEMERAL, 300, 0), (ONE_HOUR, 3_599, 600), (ONE_HOUR, 3_600, 0)],
)
def test_an_entry_lives_as_long_as_its_ttl(mark: Json, age_s: int, read: int) -> None:
    clock = Clock()
    cache = CacheSim(clock)
    request = body(user(text(10)), system=[text(600, mark)])
    cache.charge(request)
    clock.now_s = age_s
    assert cache.charge(request).cache_read_tokens == read


def test_a_read_refreshes_the_entry() -> None:
    clock = Clock()
    cache = CacheSim(clock)
    request = body(user(text(10)), system=[text(600, EPHEMERAL)])
    for now_s in (0, 200, 400, 600):
        clock.now_s = now_s
        usage = cache.charge(request)
    assert usage.cache_read_tokens == 600


def test_writes_are_split_by_ttl() -> None:
    request = body(user(text(100)), system=[text(600, ONE_HOUR)], cache_control=EPHEMERAL)
    assert CacheSim().charge(request) == Usage(cache_write_1h_tokens=600, cache_write_5m_tokens=100)


@pytest.mark.parametrize(
    ("change", "read"),
    [
        pytest.param({"model": "claude-sonnet-5-5"}, 0, id="model"),
        pytest.param({"tools": [{"name": "bash", "input_schema": {}}]}, 0, id="tools"),
        pytest.param({"system": [text(600, EPHEMERAL, "y")]}, 0, id="system"),
        pytest.param({"output_config": {"effort": "high"}}, 600, id="effort"),
        pytest.param({"tool_choice": {"type": "none"}}, 600, id="tool-choice"),
        pytest.param({"max_tokens": 7}, 900, id="max-tokens"),
    ],
)
def test_a_change_loses_what_stands_behind_it(change: Json, read: int) -> None:
    cache = CacheSim()
    request = body(user(text(300)), system=[text(600, EPHEMERAL)], cache_control=EPHEMERAL)
    cache.charge(request)
    assert cache.charge(request | change).cache_read_tokens == read


def test_a_changed_old_message_loses_the_messages_behind_it() -> None:
    cache = CacheSim()
    start, end = user(text(600, EPHEMERAL)), user(text(100))
    cache.charge(body(start, user(text(50)), end, cache_control=EPHEMERAL))
    usage = cache.charge(body(start, user(text(50, letter="y")), end, cache_control=EPHEMERAL))
    assert usage == Usage(cache_read_tokens=600, cache_write_5m_tokens=150)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([text(600, EPHEMERAL)] * 5, "A maximum of 4 blocks with cache_control may be provided. Found 5."),
        (
            [text(600, EPHEMERAL), text(600, ONE_HOUR)],
            "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block",
        ),
    ],
)
def test_bad_breakpoints_are_refused_in_the_services_words(blocks: list[Json], message: str) -> None:
    with pytest.raises(CacheControlError) as caught:
        CacheSim().charge(body(user(*blocks)))
    assert str(caught.value) == message


def test_equal_messages_of_two_requests_become_one_object() -> None:
    cache = CacheSim()
    first, second = body(user(text(10))), body(user(text(10)), user(text(20)))
    cache.charge(first)
    cache.charge(second)
    assert second["messages"][0] is first["messages"][0]  # type: ignore[index]


def test_an_image_costs_its_own_price_and_not_its_base64() -> None:
    image: Json = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 100_000}}
    assert CacheSim().count(body(user(image))) == 1_600
