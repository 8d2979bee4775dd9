"""Makes the SDK's client as the loop needs it: no retries and no spans of its own, any transport underneath."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import anthropic
    import httpx2


def sdk_client(
    *, base_url: str | None = None, api_key: str | None = None, transport: "httpx2.BaseTransport | None" = None
) -> "Callable[[], anthropic.Anthropic]":
    """A maker of clients, for `Model`. None: what the SDK finds by itself (ANTHROPIC_BASE_URL, ANTHROPIC_API_KEY, the network)."""

    def make() -> "anthropic.Anthropic":
        import anthropic  # noqa: PLC0415  # a second of import that only a run pays
        import httpx2  # noqa: PLC0415

        http_client = httpx2.Client(transport=transport) if transport else None
        return anthropic.Anthropic(
            api_key=api_key, base_url=base_url, max_retries=0, open_telemetry=False, http_client=http_client
        )

    return make
