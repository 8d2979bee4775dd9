"""A notification on this machine's desktop: notify-send on Linux, osascript on macOS. Texts are arguments, never a script."""

import html
import shutil
import subprocess
import sys

from tracing.alerts.attempt import Attempt, UnansweredError, UnusableError
from tracing.alerts.message import Message
from tracing.alerts.senders.wording import headline, short
from tracing.finding import Severity

TITLE, BODY = 120, 400
SCRIPT = (
    "on run argv",
    "display notification (item 2 of argv) with title (item 1 of argv)",
    "end run",
)
URGENCY = {Severity.NOTE: "low", Severity.WARNING: "normal", Severity.CRITICAL: "critical"}


def send(attempt: Attempt) -> str:
    argv = command(attempt.message)
    try:
        ended = subprocess.run(
            argv, check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=attempt.timeout_s, text=True
        )
    except subprocess.TimeoutExpired:
        raise UnansweredError(f"{argv[0]}: no answer within {attempt.timeout_s:g} s", maybe=True) from None
    except OSError as error:
        raise UnansweredError(f"{argv[0]}: cannot be started: {error.strerror}") from None
    if ended.returncode:
        raise UnansweredError(f"{argv[0]} ended with {ended.returncode}: {short(ended.stderr or ended.stdout, 200)}")
    return ""


def command(message: Message) -> list[str]:
    """Raises: UnusableError: this machine has neither program."""
    title, body = short(headline(message), TITLE), short(message.text, BODY) or "-"
    if sys.platform == "darwin" and (osascript := shutil.which("osascript")):
        return [osascript, *(part for line in SCRIPT for part in ("-e", line)), "--", title, body]
    if notify := shutil.which("notify-send"):  # its body may be markup, also where it is written as \074b\076
        urgency = URGENCY[message.severity]
        body = html.escape(body, quote=False).replace("\\", "\\\\")
        return [notify, "--app-name=Ralph", f"--urgency={urgency}", "--", title, body]
    raise UnusableError(
        "this machine shows no notifications: neither notify-send (Linux: package libnotify-bin or libnotify) nor osascript "
        "(macOS) is installed."
    )
