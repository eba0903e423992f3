"""One verb per file. `plan.py` says which verbs make up a job."""
