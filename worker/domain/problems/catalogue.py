"""All problems by code, from the files of this folder."""

from collections.abc import Mapping

from worker.domain.problems import amounts, cancelling, delays, exporting, publishing, recipient, requests, sevdesk
from worker.domain.problems.problem_type import ProblemType

CATALOGUE: Mapping[str, ProblemType] = {
    entry.code: entry
    for part in (requests, amounts, publishing, recipient, cancelling, exporting, sevdesk, delays)
    for entry in part.ENTRIES
}
