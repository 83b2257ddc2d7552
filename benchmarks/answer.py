"""One verdict by a peer as a whole process: import, load, decode, embed, answer.

    PYTHON -m benchmarks.answer MODULE:CLASS FILES THREADS CLIP.wav

prints the probability of a synthetic voice. `edge-detect` itself is run as its own command.
"""

import json
import sys
from pathlib import Path

from benchmarks.service import files_from
from benchmarks.worker import resolve


def main() -> None:
    """Answer one clip."""
    peer, description, threads, clip = sys.argv[1:]
    files = files_from(json.loads(Path(description).read_text(encoding="utf-8")))
    [probability] = resolve(peer).load(files, int(threads)).answer(files, [Path(clip)])
    sys.stdout.write(f"{probability:.6f}\n")


if __name__ == "__main__":
    main()
