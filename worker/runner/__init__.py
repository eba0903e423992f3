"""One attempt of one job, from claim to recorded outcome."""
