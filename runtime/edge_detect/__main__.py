"""`python -m edge_detect` is the command `edge-detect`."""

from edge_detect.cli import main

main()
