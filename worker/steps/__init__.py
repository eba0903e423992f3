"""The steps of jobs about one invoice, one file per verb; `plan.py` lists the steps of each job kind."""
