"""Whose job is next, where slots are short."""

from uuid import UUID, uuid4

from worker.queue.fairness import Turn, Turns

ANNA, BERT = uuid4(), uuid4()


def order(turns: Turns, most: int = 1000) -> str:
    """Whose jobs are started, one after another."""
    return "".join({ANNA: "A", BERT: "B", None: "."}[turn.who] for n in range(most) for turn in turns.take(1))


def test_people_take_turns() -> None:
    """Another person's single job does not wait for a month end; within one's own, the oldest is first."""
    turns = Turns()
    turns.fill([*((f"a{n}", ANNA) for n in range(50)), ("b", BERT)])
    assert [turn.job_id for turn in turns.take(4)] == ["a0", "b", "a1", "a2"]


def test_people_before_systems() -> None:
    """What nobody asked for comes after them, and at least one turn in five."""
    turns = Turns()
    turns.fill([*((f"s{n}", None) for n in range(20)), *((f"a{n}", ANNA) for n in range(20))])
    assert order(turns, 16) == "AAAAA.AAAA.AAAA."


def test_person_overtakes_systems_at_work() -> None:
    """A sweep that has been running alone is overtaken at the next free slot."""
    turns = Turns()
    turns.fill([(f"s{n}", None) for n in range(100)])
    assert order(turns, 30) == "." * 30
    turns.fill([*((f"s{n}", None) for n in range(30, 100)), ("a", ANNA), ("b", BERT)])
    assert order(turns, 4) == "AB.."


def test_turns_outlive_a_poll() -> None:
    """A line that is filled anew for each single pick still lets the others have their turn."""
    turns, started = Turns(), ""
    for n in range(20):
        turns.fill([("s", None), (f"a{n}", ANNA)])
        started += order(turns, 1)
    assert started.count(".") == 4 - 1


def test_given_back_turns_are_next() -> None:
    """What was only looked at keeps its place and costs no turn."""
    turns = Turns()
    turns.fill([*((f"a{n}", ANNA) for n in range(3)), *((f"b{n}", BERT) for n in range(3))])
    head = turns.take(4)
    turns.back(head[1:])
    assert [turn.job_id for turn in turns.take(9)] == ["b0", "a1", "b1", "a2", "b2"]


def test_nobody_waits_is_nobody_taken() -> None:
    """Empty lines are no error."""
    turns = Turns()
    assert turns.take(3) == []
    turns.fill([])
    assert turns.take(1) == []


def share(system: int, people: int, elsewhere: list[tuple[str, UUID | None]]) -> str:
    """Whose jobs start in 100 slots that are freed one by one, each after a poll, while others run elsewhere."""
    turns, started = Turns(), list[Turn]()
    running = {job_id for job_id, _ in elsewhere}
    waiting = [*((f"s{n}", None) for n in range(system)), *((f"a{n}", ANNA) for n in range(people))]
    for _ in range(100):
        begun = {turn.job_id for turn in started}
        turns.fill([*elsewhere, *(job for job in waiting if job[0] not in begun)])
        while taken := turns.take(1):
            if taken[0].job_id not in running:
                started += taken
                break
            turns.forgive(taken)
    return "".join("A" if turn.who else "." for turn in started)


def test_job_elsewhere_costs_no_turn_here() -> None:
    """What runs on another worker stays in the queue, and its asker is not charged for it at every poll."""
    assert share(100, 200, [("sweep", None)]).count(".") == 19
    assert share(200, 50, [(f"x{n}", ANNA) for n in range(10)]).count("A") == 50
