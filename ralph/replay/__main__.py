"""`python -m ralph.replay serve --recording FILE | --script FILE | --by-hand FOLDER [--port N]`.

A script file is a JSON list of answers, played in order.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event

from ralph.replay.answer import turn_of
from ralph.replay.by_hand import by_hand
from ralph.replay.recording import load_recording, replayed
from ralph.replay.scripted import ScriptedModel
from ralph.replay.server import serve


def main(arguments: Sequence[str] | None = None, *, until: Event | None = None) -> int:
    """Serves until Ctrl-C (or until the event)."""
    chosen = _parser().parse_args(arguments)
    try:
        model = _model(chosen)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    with serve(model, port=chosen.port) as base_url:
        sys.stdout.write(f"ANTHROPIC_BASE_URL={base_url}\n")
        sys.stdout.flush()
        _wait(until or Event())
    return 0


def _wait(until: Event) -> None:
    try:
        until.wait()
    except KeyboardInterrupt:
        return


def _model(chosen: argparse.Namespace) -> ScriptedModel:
    if chosen.by_hand:
        return by_hand(chosen.by_hand)
    if chosen.recording:
        return replayed(load_recording(chosen.recording))
    return ScriptedModel([turn_of(answer) for answer in json.loads(chosen.script.read_text(encoding="utf-8"))])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ralph.replay", description="A model that plays a script.")
    serving = parser.add_subparsers(required=True).add_parser("serve", help="answer on a loopback port")
    source = serving.add_mutually_exclusive_group(required=True)
    source.add_argument("--recording", type=Path, help="play a recording")
    source.add_argument("--script", type=Path, help="play a JSON list of answers")
    source.add_argument("--by-hand", type=Path, help="write requests to this folder and read the answers there")
    serving.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
