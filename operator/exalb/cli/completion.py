"""Completion of `kubectl exalb`: kubectl runs `kubectl_complete-exalb` where it finds it in PATH.

It gets the words after `kubectl exalb`, of which the last is being typed, and prints one candidate on a line, with a
description after a tab, and at the end a directive as cobra numbers them: no file names follow (4), and no space (2).
"""

import sys

from click.shell_completion import ShellComplete

from exalb.__main__ import exalb

_NO_FILES, _NO_SPACE = 4, 2


def main() -> None:
    """Print the candidates for the words of this process."""
    *words, incomplete = sys.argv[1:] or [""]
    found = ShellComplete(exalb, {}, "kubectl exalb", "_EXALB_COMPLETE").get_completions(words, incomplete)
    lines = [f"{item.value}\t{item.help}" if item.help else str(item.value) for item in found]
    goes_on = any(str(item.value).endswith("/") for item in found)
    sys.stdout.write("\n".join([*lines, f":{_NO_FILES + _NO_SPACE * goes_on}", ""]))
