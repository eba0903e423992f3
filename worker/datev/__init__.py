"""Reads a DATEV export and compares it with our documents and payments. Pure: no I/O, clock or settings."""
