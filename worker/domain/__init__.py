"""The field's nouns and rules as pure Python: no I/O, no clock, no environment."""
