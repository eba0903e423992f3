"""What the operator's commands say: diagnosis, preview and rehearsal, field mapping, health checks."""
