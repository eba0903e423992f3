"""The error budget: who slows down when, and that it always fills up again."""

from worker.gate.budget import HOUR, SLOW_SECONDS, ErrorBudget

SIZE, LONG = 20, 1e9


def spent(errors: int, now: float = 0.0) -> ErrorBudget:
    """A budget of twenty an hour after so many errors."""
    budget = ErrorBudget(SIZE)
    for _ in range(errors):
        budget.spend(now)
    return budget


def waits(budget: ErrorBudget, now: float = 0.0) -> tuple[float, float]:
    """What a person's call and another one would wait."""
    return budget.wait(now, for_person=True, max_wait=0.0), budget.wait(now, for_person=False, max_wait=0.0)


def test_few_errors_slow_nobody() -> None:
    """Less than half of the budget."""
    assert waits(spent(9)) == (0.0, 0.0) and spent(9).new_stage(0.0) == 0


def test_half_used_slows_bulk_work() -> None:
    """One call in SLOW_SECONDS; a call that would wait too long takes no place; people's calls leave at once."""
    budget = spent(10)
    assert [budget.wait(0.0, for_person=False, max_wait=LONG) for _ in range(3)] == [
        0.0,
        SLOW_SECONDS,
        2 * SLOW_SECONDS,
    ]
    assert [budget.wait(0.0, for_person=False, max_wait=1.0) for _ in range(2)] == [3 * SLOW_SECONDS] * 2
    assert budget.wait(0.0, for_person=True, max_wait=0.0) == 0.0


def test_bulk_work_stops_before_people() -> None:
    """From three quarters on it waits until less is used, at least an error's time for each one beyond."""
    person, bulk = waits(spent(17))
    assert person == 0.0 and bulk == 2 * HOUR / SIZE


def test_nobody_waits_for_ever() -> None:
    """However many errors: a person waits for one error to be given back, and an hour later all is forgotten."""
    budget = spent(1000)
    person, bulk = waits(budget)
    assert (person, bulk) == (HOUR / SIZE, 5 * HOUR / SIZE)
    assert waits(budget, person) == (0.0, 4 * HOUR / SIZE)
    assert budget.left(HOUR) == 1.0 and waits(budget, HOUR) == (0.0, 0.0)


def test_others_errors_count_too() -> None:
    """The higher count holds, less what was given back since; a lower one changes nothing."""
    budget = spent(2)
    budget.adopt(0.0, 10.0, age=HOUR / SIZE)
    assert budget.used(0.0) == 9.0
    budget.adopt(0.0, 5.0, age=0.0)
    assert budget.used(0.0) == 9.0


def test_each_stage_is_told_once() -> None:
    """Slowed, stopped, all wait; again only after it was well in between."""
    budget = ErrorBudget(SIZE)
    told = []
    for _ in range(30):
        budget.spend(0.0)
        told.append(budget.new_stage(0.0))
    assert [stage for stage in told if stage] == [1, 2, 3]
    assert budget.new_stage(HOUR / 4) == 0  # three quarters are still used
    assert budget.new_stage(HOUR) == 0
    assert [budget.spend(HOUR) for _ in range(10)][-1] == 10.0 and budget.new_stage(HOUR) == 1
