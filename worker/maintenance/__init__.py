"""What the leader does for all workers: due jobs, dead workers' jobs, schedules, counts, deleting old jobs."""
