"""Embedded Postgres and Redis for demo, tests and `sevdesk-worker local`; production never imports this."""
