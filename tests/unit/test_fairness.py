"""Whose job is next, where slots are short."""

from uuid import UUID, uuid4

from worker.queue.fairness import FairQueue, WaitingJob

ANNA, BERT = uuid4(), uuid4()


def order(jobs: FairQueue, most: int = 1000) -> str:
    """Whose jobs are started, one after another."""
    return "".join(
        {ANNA: "A", BERT: "B", None: "."}[waiting.requested_by] for n in range(most) for waiting in jobs.take(1)
    )


def test_people_take_turns() -> None:
    """Another person's single job does not wait for a month end; within one's own, the oldest is first."""
    jobs = FairQueue()
    jobs.refill([*((f"a{n}", ANNA) for n in range(50)), ("b", BERT)])
    assert [waiting.job_id for waiting in jobs.take(4)] == ["a0", "b", "a1", "a2"]


def test_people_before_systems() -> None:
    """What nobody asked for comes after them, and at least one turn in five."""
    jobs = FairQueue()
    jobs.refill([*((f"s{n}", None) for n in range(20)), *((f"a{n}", ANNA) for n in range(20))])
    assert order(jobs, 16) == "AAAAA.AAAA.AAAA."


def test_person_overtakes_systems_at_work() -> None:
    """A sweep that has been running alone is overtaken at the next free slot."""
    jobs = FairQueue()
    jobs.refill([(f"s{n}", None) for n in range(100)])
    assert order(jobs, 30) == "." * 30
    jobs.refill([*((f"s{n}", None) for n in range(30, 100)), ("a", ANNA), ("b", BERT)])
    assert order(jobs, 4) == "AB.."


def test_turns_outlive_a_poll() -> None:
    """A line that is filled anew for each single pick still lets the others have their turn."""
    jobs, started = FairQueue(), ""
    for n in range(20):
        jobs.refill([("s", None), (f"a{n}", ANNA)])
        started += order(jobs, 1)
    assert started.count(".") == 4 - 1


def test_given_back_turns_are_next() -> None:
    """What was only looked at keeps its place and costs no turn."""
    jobs = FairQueue()
    jobs.refill([*((f"a{n}", ANNA) for n in range(3)), *((f"b{n}", BERT) for n in range(3))])
    head = jobs.take(4)
    jobs.put_back(head[1:])
    assert [waiting.job_id for waiting in jobs.take(9)] == ["b0", "a1", "b1", "a2", "b2"]


def test_nobody_waits_is_nobody_taken() -> None:
    """Empty lines are no error."""
    jobs = FairQueue()
    assert jobs.take(3) == []
    jobs.refill([])
    assert jobs.take(1) == []


def share(system: int, people: int, elsewhere: list[tuple[str, UUID | None]]) -> str:
    """Whose jobs start in 100 slots that are freed one by one, each after a poll, while others run elsewhere."""
    jobs, started = FairQueue(), list[WaitingJob]()
    running = {job_id for job_id, _ in elsewhere}
    waiting = [*((f"s{n}", None) for n in range(system)), *((f"a{n}", ANNA) for n in range(people))]
    for _ in range(100):
        begun = {waiting.job_id for waiting in started}
        jobs.refill([*elsewhere, *(job for job in waiting if job[0] not in begun)])
        while taken := jobs.take(1):
            if taken[0].job_id not in running:
                started += taken
                break
            jobs.refund(taken)
    return "".join("A" if waiting.requested_by else "." for waiting in started)


def test_job_elsewhere_costs_no_turn_here() -> None:
    """What runs on another worker stays in the queue, and its asker is not charged for it at every poll."""
    assert share(100, 200, [("sweep", None)]).count(".") == 19
    assert share(200, 50, [(f"x{n}", ANNA) for n in range(10)]).count("A") == 50
