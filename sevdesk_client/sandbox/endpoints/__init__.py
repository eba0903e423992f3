"""What each API call does and answers, one file per subject; http/routes.py maps paths to these functions."""
