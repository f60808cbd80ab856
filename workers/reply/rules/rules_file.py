"""From the bytes of a rules file to its rules, or to every problem in it, in plain words. Pure."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from workers.reply.rules.rule import Rule

TABLE: Final = "rule"

_HEADER: Final = re.compile(r"""\s*\[\[\s*(["']?)rule\1\s*\]\]\s*(#.*)?""")
_FIELD: Final = re.compile(r"""\s*(["']?)([A-Za-z0-9_-]+)\1\s*=""")

_MESSAGES: Final = {
    "missing": "is missing",
    "string_type": "must be text, in quotes",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list, in brackets",
    "too_short": "is empty",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "literal_error": "must be one of {expected}",
    "datetime_type": "must be a time such as 2026-11-22T00:00:00Z, without quotes",
    "timezone_aware": "must say how far from UTC, as 2026-11-22T00:00:00Z or …+01:00 do",
}

Lines: TypeAlias = Mapping[str, int]
"""The lines of a rule's fields, by name; that of its beginning under the empty name."""


class Problem(NamedTuple):
    """What is wrong, and where. `rule` is its name in quotes, or its number."""

    line: int | None
    rule: str | None
    field: str | None
    message: str

    def __str__(self) -> str:
        where = [f"line {self.line}"] if self.line is not None else []
        where += [f"rule {self.rule}"] if self.rule is not None else []
        what = f"{self.field} {self.message}" if self.field is not None else self.message
        return f"{', '.join(where)}: {what}" if where else what


class RulesError(ValueError):
    """A rules file cannot be used. `problems` names every reason."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = list(problems)


def read_rules(content: bytes) -> list[Rule]:
    """The rules of a file, in its order. A file that has a comment alone has none.

    Raises:
        RulesError: with every problem.
    """
    document = _document(content)
    problems = [
        _general(f"{key} is nothing that a rules file has; a rule begins with [[{TABLE}]]")
        for key in document
        if key != TABLE
    ]
    tables = document.get(TABLE, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise RulesError([*problems, _general(f"a rule begins with [[{TABLE}]], in two brackets")])
    places = _places(content.decode("utf-8-sig"), len(tables))
    rules: list[Rule] = []
    for number, (table, lines) in enumerate(zip(tables, places, strict=True), 1):
        try:
            rules.append(Rule.model_validate(table))
        except ValidationError as error:
            label = _label(table, number)
            problems += [_problem(one, label, lines) for one in error.errors(include_url=False)]
    problems += _repeated(tables, places)
    if problems:
        raise RulesError(sorted(problems, key=lambda one: one.line or 0))
    return rules


def _document(content: bytes) -> dict[str, Any]:
    if not content.strip():
        raise RulesError([_general("is empty; leave a comment in it to answer nothing")])
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise RulesError([_general("is not written in UTF-8")]) from error
    except RecursionError as error:
        raise RulesError([_general("is too deeply nested")]) from error
    except ValueError as error:
        raise RulesError([_general(f"is no TOML: {error}")]) from error


def _general(message: str) -> Problem:
    return Problem(None, None, None, message)


def _label(table: Mapping[str, Any], number: int) -> str:
    name = table.get("name")
    if isinstance(name, str) and 0 < len(name) <= 64 and name.isprintable():
        return f'"{name}"'
    return f"number {number}"


def _problem(error: ErrorDetails, label: str, lines: Lines) -> Problem:
    field, *rest = map(str, error["loc"])
    line = lines.get(field, lines.get(""))
    if rest:
        field = f"{field}, number {int(rest[0]) + 1}:"
    return Problem(line, label, field, _message(error))


def _message(error: ErrorDetails) -> str:
    kind, field = error["type"], str(error["loc"][0])
    if kind == "extra_forbidden":
        near = get_close_matches(field, Rule.model_fields, 1)
        return "is no field of a rule" + (f"; do you mean {near[0]}?" if near else "")
    told = _MESSAGES.get(kind)
    if told is None:
        return error["msg"].removeprefix("Value error, ")
    message = told.format(**error.get("ctx", {}))
    if kind == "too_short" and not Rule.model_fields[field].is_required():
        message += "; leave it out to mean all"
    if kind == "greater_than_equal":
        message += "; to send nothing, write dry_run = true"
    return message


def _repeated(tables: Sequence[Mapping[str, Any]], places: Sequence[Lines]) -> list[Problem]:
    """The names of rules that are the name of an earlier one, whatever their case."""
    seen: set[str] = set()
    problems = []
    for number, (table, lines) in enumerate(zip(tables, places, strict=True), 1):
        name = table.get("name")
        if not isinstance(name, str):
            continue
        if name.casefold() in seen:
            line = lines.get("name", lines.get(""))
            message = "is the name of an earlier rule"
            problems.append(Problem(line, _label(table, number), "name", message))
        seen.add(name.casefold())
    return problems


def _places(text: str, count: int) -> list[Lines]:
    """Where each rule and its fields begin, which the parser does not tell; nothing if unclear."""
    places: list[dict[str, int]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if _HEADER.fullmatch(line):
            places.append({"": number})
        elif places and (found := _FIELD.match(line)):
            places[-1].setdefault(found[2], number)
    return list(places) if len(places) == count else [{}] * count
