"""Checks an e-invoice before it is mailed: reads its XML safely, has the official rules judge it, and compares it."""
