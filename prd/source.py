"""The text of a PRD file with its name: turns offsets into line and column. Knows nothing of JSON or stories."""

from collections.abc import Iterable
from dataclasses import dataclass

from prd.errors import PrdError, Problem

BOM = "\ufeff"


@dataclass(frozen=True)
class Source:
    """A decoded file; encoding `text` as UTF-8 gives back its very bytes (a byte order mark stays the first character)."""

    text: str
    name: str

    @classmethod
    def decode(cls, data: bytes, name: str) -> "Source":
        """Raises: PrdError for bytes that are not UTF-8."""
        try:
            return cls(data.decode("utf-8"), name)
        except UnicodeDecodeError as error:
            raise _not_utf8(data, name, error) from error

    def place(self, offset: int) -> str:
        """`file:line:column`, both counted from 1, the column in characters."""
        before = self.text[:offset].removeprefix(BOM)
        line_start = before.rfind("\n") + 1
        return f"{self.name}:{before.count(chr(10)) + 1}:{len(before) - line_start + 1}"

    def refusal(self, problems: Iterable[Problem]) -> PrdError:
        """One error for all problems, in the order in which they stand in the file."""
        lines = (f"{self.place(p.offset)}: {p.what}. {p.remedy}" for p in sorted(set(problems)))
        return PrdError("\n".join(lines))


def _not_utf8(data: bytes, name: str, error: UnicodeDecodeError) -> PrdError:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return PrdError(f"{name}:1:1: the file is UTF-16. Save it as UTF-8.")
    source = Source(data[: error.start].decode("utf-8"), name)
    what = f"byte 0x{data[error.start]:02x} is not UTF-8"
    return source.refusal([Problem(len(source.text), what, "Save the file as UTF-8.")])
