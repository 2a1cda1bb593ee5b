"""Imports structlog without rich: it would use it for tracebacks, which no program of ours writes in its format.

With rich, structlog takes four times as long to import, and 3 MB more in each process. The client commands import rich
themselves, when they print a table.
"""

import sys

if "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment]  # an import of it fails, as if it was not installed
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]
