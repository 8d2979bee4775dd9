"""What each stop reason of the model means for the turn loop: a table, tested to be complete against the SDK.

Tool calls are run on `tool_use` alone: in any other turn their input may be cut off in the middle and look whole.
"""

from enum import StrEnum


class StopReason(StrEnum):
    END_TURN = "end_turn"
    MAX_TOKENS = "max_tokens"
    STOP_SEQUENCE = "stop_sequence"
    TOOL_USE = "tool_use"
    PAUSE_TURN = "pause_turn"
    REFUSAL = "refusal"
    CONTEXT_WINDOW_EXCEEDED = "model_context_window_exceeded"
    UNKNOWN = "unknown"  # anything a newer service may send


class NextStep(StrEnum):
    RUN_TOOLS = "run_tools"
    NUDGE = "nudge"
    CONTINUE_CUT = "continue_cut"
    RESUME = "resume"
    GIVE_UP_REFUSED = "give_up_refused"
    COMPACT = "compact"
    GIVE_UP_CUT = "give_up_cut"


NEXT_STEP = {
    StopReason.TOOL_USE: NextStep.RUN_TOOLS,
    StopReason.END_TURN: NextStep.NUDGE,
    StopReason.STOP_SEQUENCE: NextStep.NUDGE,
    StopReason.MAX_TOKENS: NextStep.CONTINUE_CUT,
    StopReason.PAUSE_TURN: NextStep.RESUME,
    StopReason.REFUSAL: NextStep.GIVE_UP_REFUSED,
    StopReason.CONTEXT_WINDOW_EXCEEDED: NextStep.COMPACT,
    StopReason.UNKNOWN: NextStep.GIVE_UP_CUT,
}


OTHER_WORDS = {
    "stop": StopReason.END_TURN,
    "eos": StopReason.END_TURN,
    "length": StopReason.MAX_TOKENS,
    "tool_calls": StopReason.TOOL_USE,
    "function_call": StopReason.TOOL_USE,
    "content_filter": StopReason.REFUSAL,
}
"""What servers say that pass on the words of another API."""


def stop_reason(value: str | None) -> StopReason:
    """The member for what the service sent; UNKNOWN for what this version has not heard of."""
    word = (value or "").lower()
    return StopReason(word) if word in set(StopReason) else OTHER_WORDS.get(word, StopReason.UNKNOWN)
