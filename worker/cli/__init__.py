"""The operator's command line, by subject. `worker/__main__.py` starts it.

Exit codes, everywhere: 0 done, or all is well; 1 it could not be done, or is not well; 2 wrong usage or settings;
3 looked, and a person has something to do (`why`, `preview`, `reconcile`).
"""
