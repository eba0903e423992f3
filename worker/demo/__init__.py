"""The demo: a billing month on embedded services and the sandbox, every row of which is checked at the end."""
