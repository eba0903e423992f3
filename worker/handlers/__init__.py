"""The handlers of job kinds that are not about one invoice, one file each."""
