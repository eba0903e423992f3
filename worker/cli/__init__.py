"""The operator's command line, by subject. `worker/__main__.py` starts it.

Exit codes of all commands: 0 done, or nothing is wrong; 1 it failed, or a check failed; 2 wrong usage or settings;
3 a person must act (`status`, `why`, `preview`, `readiness`, `reconcile`, `rehearse`, `recover`, `adopt`, `verify`,
`dismiss`, and `--wait` for a job that is parked, or done and left something to look at).
"""
