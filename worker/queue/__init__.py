"""How a job comes in: from Redis into the ledger, and from the ledger to a free slot."""
