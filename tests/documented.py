"""Results of operations held against what is documented of them: the schema that `hotops schema` prints."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from hotops.commands.catalogue import find
from hotops.commands.schema import all_schemas
from hotops.commands.schemas import of_operation
from hotops.commands.telling import OUTCOME
from hotops.core.driver import Outcome
from hotops.core.plain import plain_data
from hotops.invocation import SCREEN
from hotops.registry import operation


def as_documented(name: str, outcome: Outcome) -> Outcome:
    """The outcome of an operation, once its result was found to be as its module documents it."""
    result = {key: value for key, value in plain_data(outcome.result).items() if key not in (SCREEN, OUTCOME)}
    wrong = problems(_of(name), {"schema": 1, "changed": outcome.changed, **result})
    assert wrong == [], f"{name} returns what its documentation does not say:\n" + "\n".join(wrong)
    return outcome


def document_of(words: str, printed: str) -> dict[str, Any]:
    """What a command printed with --json, once it was found to be as `hotops schema` says."""
    document: dict[str, Any] = json.loads(printed)
    command = find(tuple(words.split()))
    assert command is not None, words
    wrong = problems(_of_command(words), document)
    assert wrong == [], f"hotops {words} --json prints what its schema does not say:\n" + "\n".join(wrong)
    return document


def problems(validator: Draft202012Validator, document: Mapping[str, Any]) -> list[str]:
    """What does not fit, each with its place."""
    found = validator.iter_errors(document)
    return [f"  {'/'.join(map(str, error.absolute_path)) or '(all)'}: {error.message[:300]}" for error in found]


@functools.cache
def _of(name: str) -> Draft202012Validator:
    return Draft202012Validator(of_operation(operation(name)))


@functools.cache
def _of_command(words: str) -> Draft202012Validator:
    return Draft202012Validator(_schemas()[words])


@functools.cache
def _schemas() -> dict[str, Any]:
    return all_schemas()
