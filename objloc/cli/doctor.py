"""``objloc doctor``: what is installed, what is there, what is missing."""

import json
from dataclasses import asdict

import typer

from objloc.cli._options import Json


def command(as_json: Json = False) -> None:
    """Say which versions, devices, models and data there are, and what is missing.

    Looks from the working folder, as every command does; changes nothing. Exit
    status 1: something is missing that `make run` or an installation brings.
    """
    from objloc.doctor import examine

    findings = []
    for each in examine():
        findings.append(each)
        if not as_json:
            mark = "MISSING" if each.missing else "ok" if not each.remedy else "-"
            remedy = f"  -> {each.remedy}" if each.remedy else ""
            print(f"{mark:8}{each.what:16}{each.found}{remedy}")
    missing = [each.what for each in findings if each.missing]
    if as_json:
        told = {"missing": missing, "findings": [asdict(each) for each in findings]}
        print(json.dumps(told, indent=2))
    if missing:
        raise typer.Exit(1)
