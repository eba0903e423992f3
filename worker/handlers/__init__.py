"""Jobs that are not about one invoice, one file each."""
