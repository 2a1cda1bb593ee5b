"""`python -m tests.support.engine.bfd_program DIRECTORY`: what `exalb bfd` runs, without its settings."""

import sys
from pathlib import Path

import structlog

from exalb_bfd.settings import BfdSettings
from exalb_bfd.supervisor import Supervisor
from exalb_bfd.worker import work

if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    Supervisor(lambda: work(BfdSettings(Path(sys.argv[1])))).run()
