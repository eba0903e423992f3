"""One attempt of one claimed job, up to its recorded outcome."""
