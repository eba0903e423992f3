"""The catalogue of problems: every reason why a job is parked, rejected, retried or put off. Pure.

A problem has a stable code, says who must act, and has a cause and a next step in English and German. The ledger row,
the event log, NOTIFY and the metrics carry the code; row and log also the parameters, which never hold personal data.
"""

from worker.domain.problems.problem import CATALOGUE, NO_MISTAKE, TRIED_AGAIN, Problem, problem, recorded
from worker.domain.problems.problem_type import Actor, Lang, ProblemType

__all__ = ["CATALOGUE", "NO_MISTAKE", "TRIED_AGAIN", "Actor", "Lang", "Problem", "ProblemType", "problem", "recorded"]
