"""Reads a DATEV export and compares it with our documents and payments. Pure, but for a temporary file of its own."""
