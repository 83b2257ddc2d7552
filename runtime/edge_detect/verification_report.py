"""The certificate of `edge-detect verify`, as a table or JSON."""

import json
from dataclasses import asdict
from typing import TextIO

from edge_detect.processor import telling_features
from edge_detect.verification import Certificate, PrecisionCheck


def write_json(certificate: Certificate, out: TextIO) -> None:
    """All of it."""
    json.dump(asdict(certificate), out, indent=2)
    out.write("\n")


def write_table(certificate: Certificate, out: TextIO) -> None:
    """The machine, a row for each precision and device, what is wrong, and the result."""
    from rich.console import Console
    from rich.table import Table

    out.write(heading(certificate))
    table = Table(box=None, pad_edge=False)
    for title in ("precision", "device"):
        table.add_column(title, no_wrap=True)
    for title in ("embedding off", "at most", "probability off", "at most", "labels off",
                  "as recorded"):  # fmt: skip
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("result", no_wrap=True)
    for check in certificate.checks:
        table.add_row(*cells(check))
    Console(file=out, highlight=False, width=1000).print(table)
    out.write("\n" + "".join(f"{line}\n" for line in remarks(certificate)))


def heading(certificate: Certificate) -> str:
    """What was checked, where and with what."""
    machine = certificate.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    told = ", ".join(telling_features(set(certificate.cpu_features))) or "none told"
    whole = sum(file.problem is None for file in certificate.files)
    return (
        f"model {certificate.model}, sha256 {certificate.model_sha256}\n"
        f"files {whole} of {len(certificate.files)} as the manifest has them\n"
        f"{machine.cpu} ({machine.cpu_kind}; features {told}), {machine.threads} threads\n"
        f"{versions}, {machine.system}\n\n"
    )


def cells(check: PrecisionCheck) -> list[str]:
    """One row; a dash for what was not compared."""
    found, most, same = check.distance, check.tolerance, check.agreement
    return [
        check.precision,
        check.device,
        f"{found.embedding_max_abs:.1e}" if found else "-",
        f"{most.embedding_max_abs:.1e}",
        f"{found.probability_max_abs:.1e}" if found else "-",
        f"{most.probability_max_abs:.1e}",
        f"{found.labels_differ} of {found.clips}" if found else "-",
        f"{same.agreeing} of {same.excerpts}" if same else "-",
        "FAIL" if check.problem else "pass",
    ]


def remarks(certificate: Certificate) -> list[str]:
    """What fails, what the tolerances rest on, what was not run, and the result last."""
    return [
        *(f"FAIL {one.file}: {one.problem}" for one in certificate.files if one.problem),
        *(f"FAIL {one.precision} on {one.device}: {one.problem}"
          for one in certificate.checks if one.problem),
        *(f"tolerance of {one.precision} on {one.device}: {one.tolerance.basis}"
          for one in certificate.checks),
        *(f"not run: {one.precision} on {one.device}: {one.reason}"
          for one in certificate.not_run),
        "PASS" if certificate.passed else "FAIL",
    ]  # fmt: skip
