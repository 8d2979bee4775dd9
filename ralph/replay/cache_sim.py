"""What the prompt cache of the real service would have read and written, and so what a request's input costs.

The rules are those of the vendor's prompt caching page: a prefix over tools, system and messages in that order; entries are
written at breakpoints only; each breakpoint looks back over 20 blocks, itself included; short prefixes are passed over in
silence; reads refresh the entry for free. Tokens are estimated: one for four UTF-8 bytes of a block's JSON.
Unchanged leading messages are not hashed again, so a long conversation costs no more per turn than a short one.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from ralph.replay.sse import Json, Usage, dumps, tokens

MAX_BREAKPOINTS = 4
LOOK_BACK_BLOCKS = 20
IMAGE_TOKENS = 1_600
TTL_S: Mapping[str, int] = {"5m": 300, "1h": 3_600}
MINIMUM_TOKENS: tuple[tuple[str, int], ...] = (
    ("claude-opus-4-5", 4_096),
    ("claude-opus-4-6", 4_096),
    ("claude-haiku-4-5", 4_096),
    ("claude-opus-4-7", 2_048),
    ("claude-opus-4", 1_024),
    ("claude-sonnet-4", 1_024),
    ("claude-sonnet-5-5", 512),
    ("claude-sonnet-5", 1_024),
)
_KEPT_CONVERSATIONS = 32
_KEPT_ENTRIES = 20_000


class CacheControlError(ValueError):
    """Breakpoints that the service refuses; the text is the service's."""


@dataclass(frozen=True)
class _Node:
    """A block's place in the prefix: the hash of all up to it, their tokens, and its breakpoint (None: none)."""

    hash: bytes
    end_tokens: int
    ttl: str | None


_START = _Node(b"", 0, None)


@dataclass
class _Entry:
    expires_s: float
    ttl: str


@dataclass(frozen=True)
class _Conversation:
    """The messages seen last under one head, and the nodes of each."""

    messages: list[Json]
    nodes: list[list[_Node]]


@dataclass(frozen=True)
class _Breakpoint:
    position: int
    ttl: str


class CacheSim:
    """One workspace's cache. `clock` gives seconds; only differences count."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[bytes, _Entry] = {}
        self._conversations: OrderedDict[bytes, _Conversation] = OrderedDict()
        self._last: tuple[Json, list[_Node]] | None = None

    def count(self, body: Json) -> int:
        """The tokens of the whole prompt."""
        return self._nodes(body)[-1].end_tokens

    def charge(self, body: Json) -> Usage:
        """Reads and writes the cache as this request would.

        Messages equal to those of the last request are replaced by them, so that keeping every request costs little.
        Raises: CacheControlError, the cache being untouched.
        """
        nodes = self._nodes(body)
        breakpoints = _breakpoints(body, nodes)
        minimum = minimum_tokens(str(body["model"]))
        usable = [point for point in breakpoints if nodes[point.position].end_tokens >= minimum]
        now_s = self._clock()
        read_tokens = max((self._read(nodes, point.position, now_s) for point in usable), default=0)
        self._write(nodes, usable, now_s)
        return _split(nodes, usable, read_tokens)

    def _read(self, nodes: Sequence[_Node], position: int, now_s: float) -> int:
        """The tokens of the longest living entry that this breakpoint finds; it is refreshed."""
        for node in reversed(nodes[max(0, position - LOOK_BACK_BLOCKS + 1) : position + 1]):
            entry = self._entries.get(node.hash)
            if entry is not None and entry.expires_s > now_s:
                entry.expires_s = now_s + TTL_S[entry.ttl]
                return node.end_tokens
        return 0

    def _write(self, nodes: Sequence[_Node], breakpoints: Sequence[_Breakpoint], now_s: float) -> None:
        for point in breakpoints:
            entry = self._entries.get(nodes[point.position].hash)
            if entry is None or entry.expires_s <= now_s:
                self._entries[nodes[point.position].hash] = _Entry(now_s + TTL_S[point.ttl], point.ttl)
        if len(self._entries) > _KEPT_ENTRIES:
            self._entries = {key: entry for key, entry in self._entries.items() if entry.expires_s > now_s}

    def _nodes(self, body: Json) -> list[_Node]:
        """The whole prompt as nodes; counting and then charging one body costs once."""
        if self._last is None or self._last[0] is not body:
            self._last = (body, self._fresh_nodes(body))
        return self._last[1]

    def _fresh_nodes(self, body: Json) -> list[_Node]:
        nodes = list(_head_nodes(body))
        salted = _hash(nodes[-1].hash if nodes else b"", dumps([body.get(key) for key in _MESSAGE_SALT]))
        parent = _Node(salted, nodes[-1].end_tokens if nodes else 0, None)
        messages = cast("list[Json]", body["messages"])
        for its_nodes in self._message_nodes(parent, messages):
            nodes += its_nodes
        return nodes or [_START]

    def _message_nodes(self, parent: _Node, messages: list[Json]) -> list[list[_Node]]:
        key = _hash(parent.hash, dumps(messages[0]) if messages else "")
        known = self._conversations.pop(key, _Conversation([], []))
        same = _common_prefix(known.messages, messages)
        messages[:same] = known.messages[:same]
        nodes = known.nodes[:same]
        for message in messages[same:]:
            nodes.append(_nodes_of(message, _last(nodes) or parent))
        self._conversations[key] = _Conversation(list(messages), nodes)
        if len(self._conversations) > _KEPT_CONVERSATIONS:
            self._conversations.popitem(last=False)
        return nodes


_MESSAGE_SALT = ("tool_choice", "thinking", "output_config")
"""A change in one of these keeps tools and system cached, and loses the messages."""


def minimum_tokens(model: str) -> int:
    """The shortest prefix that this model caches; 512 for the newest ones."""
    return next((minimum for prefix, minimum in MINIMUM_TOKENS if model.startswith(prefix)), 512)


def _common_prefix(old: Sequence[Json], new: Sequence[Json]) -> int:
    """How many leading messages are equal. Shared objects make this a comparison of pointers."""
    if old == new[: len(old)]:
        return len(old)
    return next((index for index, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), len(new))


def _last(nodes: Sequence[Sequence[_Node]]) -> _Node | None:
    return next((its_nodes[-1] for its_nodes in reversed(nodes) if its_nodes), None)


def _head_nodes(body: Json) -> Iterator[_Node]:
    node = _Node(_hash(b"", str(body["model"])), 0, None)
    for place, blocks in (("tool", body.get("tools") or []), ("system", body.get("system") or [])):
        for block in _text_or_blocks(blocks):
            node = _after(node, place, block)
            yield node


def _text_or_blocks(content: object) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else cast("list[Json]", content)


def _nodes_of(message: Json, parent: _Node) -> list[_Node]:
    nodes = []
    for block in _text_or_blocks(message["content"]):
        parent = _after(parent, str(message["role"]), block)
        nodes.append(parent)
    return nodes


def _after(parent: _Node, place: str, block: Json) -> _Node:
    control = cast("Mapping[str, str] | None", block.get("cache_control"))
    bare = dumps({key: value for key, value in block.items() if key != "cache_control"})
    ttl = None if control is None else control.get("ttl", "5m")
    return _Node(_hash(parent.hash, place + bare), parent.end_tokens + _tokens_of(block, bare), ttl)


def _tokens_of(block: Json, bare: str) -> int:
    """Images have a price of their own, also inside a tool result."""
    content = block.get("content")
    if block.get("type") == "tool_result" and isinstance(content, list):
        return tokens(64) + sum(_tokens_of(part, dumps(part)) for part in content)
    return IMAGE_TOKENS if block.get("type") == "image" else tokens(len(bare.encode()))


def _hash(parent: bytes, text: str) -> bytes:
    return hashlib.blake2b(parent + text.encode(errors="surrogatepass"), digest_size=16).digest()


def _breakpoints(body: Json, nodes: Sequence[_Node]) -> list[_Breakpoint]:
    points = [_Breakpoint(position, node.ttl) for position, node in enumerate(nodes) if node.ttl is not None]
    automatic = cast("Mapping[str, str] | None", body.get("cache_control"))
    last = len(nodes) - 1
    if automatic is not None and not any(point.position == last for point in points):
        points.append(_Breakpoint(last, automatic.get("ttl", "5m")))
    _refuse_bad(points)
    return points


def _refuse_bad(points: Sequence[_Breakpoint]) -> None:
    if len(points) > MAX_BREAKPOINTS:
        raise CacheControlError(
            f"A maximum of {MAX_BREAKPOINTS} blocks with cache_control may be provided. Found {len(points)}."
        )
    if any(point.ttl not in TTL_S for point in points):
        raise CacheControlError("cache_control.ephemeral.ttl: Input should be '5m' or '1h'")
    ttls = [point.ttl for point in points]
    if ttls != sorted(ttls):
        raise CacheControlError("a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block")


def _split(nodes: Sequence[_Node], breakpoints: Sequence[_Breakpoint], read_tokens: int) -> Usage:
    """The vendor's rule: up to the last hit is read, up to the last 1h breakpoint written for 1h, the rest for 5m."""
    up_to = {
        ttl: max((nodes[point.position].end_tokens for point in breakpoints if point.ttl == ttl), default=0)
        for ttl in TTL_S
    }
    write_1h = max(0, up_to["1h"] - read_tokens)
    write_5m = max(0, up_to["5m"] - read_tokens - write_1h)
    return Usage(
        uncached_input_tokens=nodes[-1].end_tokens - read_tokens - write_1h - write_5m,
        cache_read_tokens=read_tokens,
        cache_write_5m_tokens=write_5m,
        cache_write_1h_tokens=write_1h,
    )
