"""Reads service files as launchd, systemd and cron do, by their documentation."""

from __future__ import annotations

import plistlib
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, kw_only=True)
class Started:
    """What the system would start."""

    words: list[str]
    environment: dict[str, str]
    folder: Path | None


def read_plist(text: bytes) -> tuple[Started, dict[str, Any]]:
    document = plistlib.loads(text)
    folder = document.get("WorkingDirectory")
    started = Started(
        words=document["ProgramArguments"],
        environment=document["EnvironmentVariables"],
        folder=Path(folder) if folder else None,
    )
    return started, document


def read_unit(text: str) -> tuple[Started, dict[str, list[str]]]:
    """Return what a service starts, and all of its lines by their names."""
    lines: dict[str, list[str]] = {}
    for line in text.split("\n"):
        assert not line.endswith("\\")  # it would go on in the next
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            lines.setdefault(name, []).append(value)
    program, *words = split_by_systemd(lines["ExecStart"][0])
    variables = [split_by_systemd(value) for value in lines.get("Environment", [])]
    assert all(len(words) == 1 for words in variables)
    folder = lines.get("WorkingDirectory")
    started = Started(
        words=[program, *(word.replace("$$", "$") for word in words)],
        environment=dict(words[0].split("=", 1) for words in variables),
        folder=Path(without_specifiers(folder[0])) if folder else None,
    )
    return started, lines


def split_by_systemd(line: str) -> list[str]:
    """Split as systemd.syntax(7) has it: words in double quotes with escapes, or bare and then without any."""
    words = re.findall(r'"(?:\\.|[^"\\])*"|[^\s"\\]+', line)
    assert " ".join(words) == line
    unquoted = [_ESCAPE.sub(r"\1", word[1:-1]) if word[0] == '"' else word for word in words]
    return [without_specifiers(word) for word in unquoted]


def without_specifiers(text: str) -> str:
    assert "%" not in text.replace("%%", "")  # or systemd would put something else there
    return text.replace("%%", "%")


def read_crontab_line(line: str) -> tuple[list[str], str]:
    """Return the five fields of the time, and what the shell gets."""
    *fields, command = line.split(" ", 5)
    assert not re.search(r"(?<!\\)%", command)  # what follows would be standard input
    return fields, command.replace("\\%", "%")


def read_shell(command: str) -> Started:
    change, folder, also, *words = shlex.split(command)
    assert (change, also) == ("cd", "&&")
    environment = {}
    while re.match("[A-Z_]+=", words[0]):
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    return Started(words=words, environment=environment, folder=Path(folder))
