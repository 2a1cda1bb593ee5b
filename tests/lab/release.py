"""`python -m tests.lab.release DIRECTORY`: writes the image as archives for `ctr images import`, with their checksums.

They are the archives that labs load, so a cluster that got them runs what the tests ran.
"""

import hashlib
import shutil
import sys
from pathlib import Path

from tests.lab import images


def write(directory: Path) -> list[str]:
    """Write the archives, in the order of loading; return a line about each."""
    directory.mkdir(parents=True, exist_ok=True)
    lines = []
    for archive in (images.runtime_image(print), images.exalb_image(print)):
        copy = directory / f"{archive.reference.rpartition('/')[2].partition(':')[0]}.tar"
        shutil.copyfile(archive.path, copy)
        digest = hashlib.sha256(copy.read_bytes()).hexdigest()
        lines.append(f"{digest}  {copy.name}  {copy.stat().st_size / 1e6:.1f} MB  {archive.reference}")
    return lines


if __name__ == "__main__":
    print("\n".join(write(Path(sys.argv[1]))))
