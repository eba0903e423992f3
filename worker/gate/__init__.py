"""Decides when this process may call sevDesk: speed, pauses, and a refused token, shared by all workers."""
