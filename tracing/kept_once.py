"""What comes again with each call (system text, tools), turned into a payload only the first time."""

import json
from hashlib import sha256

from tracing.contents import Contents, Kept
from tracing.jsonlike import json_like
from tracing.recorder import Recorder


class KeptOnce:
    """As `Contents.keep`, with a memory; the payload reaches the disk with the next span that is written."""

    def __init__(self, recorder: Recorder, contents: Contents) -> None:
        self._recorder, self._contents = recorder, contents
        self._known: dict[str, Kept] = {}

    def keep(self, value: object) -> Kept:
        plain = json_like(value)
        key = sha256(json.dumps(plain).encode()).hexdigest()
        if key not in self._known:
            kept = self._contents.keep(plain)
            if kept.payload is not None:
                self._recorder.later(kept.payload)
            self._known[key] = kept
        return self._known[key]
