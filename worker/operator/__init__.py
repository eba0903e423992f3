"""What the operator's commands say: diagnosis, preview, field mapping, health checks."""
