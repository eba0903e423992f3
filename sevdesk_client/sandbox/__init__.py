"""A stateful local sevDesk that answers, refuses and behaves as the real one was measured to. See README.md."""
