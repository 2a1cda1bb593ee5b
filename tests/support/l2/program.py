"""`python -m tests.support.l2.program DIRECTORY`: what `exalb l2` runs, without its settings."""

import sys
from pathlib import Path

import structlog

from exalb_l2.settings import L2Settings
from exalb_l2.worker import work

if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    work(L2Settings(Path(sys.argv[1])))
