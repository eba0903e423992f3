"""What an entry of the catalogue consists of."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Lang = Literal["en", "de"]

# Filled in by whoever shows the next step: the job's id or, where several jobs of one invoice are parked, its number.
JOB = "job"
# How many next steps end, in English and German.
RETRY, ERNEUT = "then: sevdesk-worker retry {job}.", "dann: sevdesk-worker retry {job}."


class Actor(StrEnum):
    """Who must act."""

    WORKER = "worker"  # nobody: it goes on by itself
    OPERATOR = "operator"  # runs the worker: settings, network, API token
    ACCOUNTANT = "accountant"  # works in sevDesk
    BILLING = "billing"  # maintains invoices and customers in the billing system
    DEVELOPER = "developer"  # maintains the program that asks for jobs
    REQUESTER = "requester"  # asked for this job


@dataclass(frozen=True, slots=True)
class ProblemType:
    """Sentences are templates for `filled`; `{job}` in a next step is what `sevdesk-worker retry` takes."""

    code: str
    actor: Actor
    cause: dict[Lang, str]
    next_step: dict[Lang, str]
    parameters: frozenset[str]  # the names that the sentences use, without `job`
    confirmable: bool  # a person may tell the job to disregard it: `retry JOB --as confirmed`


def entry(
    code: str,
    actor: Actor,
    cause: str,
    next_step: str,
    ursache: str,
    naechster_schritt: str,
    *,
    confirmable: bool = False,
) -> ProblemType:
    """A catalogue entry: cause and next step in English, then both in German."""
    names = re.findall(r"\{(\w+)\}", cause + next_step + ursache + naechster_schritt)
    causes: dict[Lang, str] = {"en": cause, "de": ursache}
    next_steps: dict[Lang, str] = {"en": next_step, "de": naechster_schritt}
    return ProblemType(code, actor, causes, next_steps, frozenset(names) - {JOB}, confirmable)
