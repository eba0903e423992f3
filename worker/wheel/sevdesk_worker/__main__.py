"""`python -m sevdesk_worker`."""

from sevdesk_worker import main

main()
