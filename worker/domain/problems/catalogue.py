"""All problems by code, from the files of this folder."""

from collections.abc import Mapping

from worker.domain.problems import amounts, asking, cancelling, exporting, publishing, sevdesk, waiting
from worker.domain.problems.problem_type import ProblemType

CATALOGUE: Mapping[str, ProblemType] = {
    entry.code: entry
    for part in (asking, amounts, publishing, cancelling, exporting, sevdesk, waiting)
    for entry in part.ENTRIES
}
