"""A stateful local sevDesk: as strict and as odd as the real one, as far as anybody has measured it. See README.md."""
