"""One trace as one portable file: gzipped JSON lines with a versioned head. Written by `ralph export`, read by `ralph import`."""

from tracing.bundle.checking import BundleError
from tracing.bundle.reading import Imported, import_trace
from tracing.bundle.writing import export_trace

__all__ = ["BundleError", "Imported", "export_trace", "import_trace"]
