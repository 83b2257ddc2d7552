"""The process that an engine runs in: JSON lines in, JSON lines out.

    PYTHON -m benchmarks.worker MODULE:CLASS ARGUMENTS CPUS

makes `CLASS(**ARGUMENTS)` (JSON) on the CPUs (0,1), then answers each {"call": METHOD, ...} with
{"answer": ...} or {"error": ...}. Needs nothing but what the class imports.
"""

import importlib
import json
import os
import sys
from typing import Any, TextIO


def resolve(name: str) -> Any:
    """What module:attribute names."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def serve(service: Any, requests: TextIO, replies: TextIO) -> None:
    """Answer calls of the service's public methods until the requests end."""
    for line in requests:
        request = json.loads(line)
        replies.write(json.dumps(reply_to(service, request)) + "\n")
        replies.flush()


def reply_to(service: Any, request: dict[str, Any]) -> dict[str, Any]:
    """One answer; whatever an engine raises is told to the parent, which decides."""
    method = request.pop("call")
    try:
        if method.startswith("_"):
            raise ValueError(f"{method!r} is not public")
        return {"answer": getattr(service, method)(**request)}
    except Exception as error:  # any engine's own
        return {"error": f"{type(error).__name__}: {str(error).strip() or 'no message'}"}


def main() -> None:
    """Pin the process, keep standard output for replies alone, then serve."""
    service, arguments, cpus = sys.argv[1:]
    os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})
    # Engines print to standard output, from C++ too: what they say goes to the log instead.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as replies:
        os.dup2(2, 1)
        serve(resolve(service)(**json.loads(arguments)), sys.stdin, replies)


if __name__ == "__main__":
    main()
