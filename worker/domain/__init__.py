"""Invoices, events, jobs, problems and the rules about them, as pure Python: no I/O, no clock, no environment."""
