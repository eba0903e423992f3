"""Whether the leader still does the maintenance: a stopped process keeps its session, and with it the leadership."""

from worker.maintenance.leader import LEAD_SECONDS
from worker.store.rows import Row

# The leader's session says something every LEAD_SECONDS; a slow statement may take longer.
SILENT_SECONDS = LEAD_SECONDS * 10


def silent_leader(leader: Row | None) -> str | None:
    """A sentence if the leader is silent; what to do is LEADER_STEP.

    `leader`: the row of the statement of that name; None if nobody leads.
    Its leadership is not taken away: its session also holds the locks of its running jobs, and it may go on any time.
    """
    if leader is None or (leader["silent"] or 0) < SILENT_SECONDS:
        return None
    silent = f"The leader {leader['worker']} has been silent for {leader['silent']:.0f} s"
    return f"{silent}, so that nobody does the maintenance."
