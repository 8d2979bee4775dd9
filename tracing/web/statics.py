"""Style sheets and scripts: read by a list made at the start, at addresses that change when any of them changes."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

OWN = Path(__file__).parent / "static"
FOREVER = "private, max-age=31536000, immutable"
TYPES = {  # not the platform's list: on some, scripts are plain text there, and browsers refuse those
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}


class Statics:
    """Only files that were there at the start are served; a path is a key, never a path on the disk."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self.files = {
            name: file for prefix, folder in {"": OWN, **folders}.items() for name, file in _in(prefix, folder)
        }
        self.version = _version(self.files)

    def url(self, name: str) -> str:
        return f"/static/{self.version}/{name}"

    async def answer(self, request: Request) -> Response:
        file = self.files.get(request.path_params["name"])
        if file is None or request.path_params["version"] != self.version:
            raise HTTPException(404, "There is no such file in this viewer. Reload the page that asked for it.")
        return FileResponse(file, media_type=TYPES[file.suffix], headers={"Cache-Control": FOREVER})


def _in(prefix: str, folder: Path) -> Iterator[tuple[str, Path]]:
    start = f"{prefix}/" if prefix else ""
    for file in sorted(folder.rglob("*")):
        if file.suffix in TYPES and file.is_file():
            yield start + file.relative_to(folder).as_posix(), file


def _version(files: Mapping[str, Path]) -> str:
    digest = hashlib.sha256()
    for name, file in sorted(files.items()):
        digest.update(name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
