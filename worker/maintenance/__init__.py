"""Loops that run beside the jobs: reaper, relay, scheduler, measurements."""
