"""A unix socket has its permissions before anybody can connect, and the process keeps its umask."""

import os
import socket
from pathlib import Path

import pytest

from exalb_process.unix_socket import bound


@pytest.mark.parametrize("mode", [0o600, 0o660])
def test_socket_has_the_permissions_whatever_the_umask_is(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "s"
    for umask in (0o022, 0o077, 0):
        before = os.umask(umask)
        try:
            with bound(path, mode) as listening, socket.socket(socket.AF_UNIX) as client:
                listening.listen()
                client.connect(str(path))
            assert path.stat().st_mode & 0o777 == mode
            assert os.umask(umask) == umask
        finally:
            os.umask(before)


def test_directory_that_is_not_there_is_an_error_and_leaves_no_socket_open(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        bound(tmp_path / "missing" / "s", 0o600)
