"""Loops that each worker repeats beside its jobs: reaper, relay, scheduler, measurements."""
