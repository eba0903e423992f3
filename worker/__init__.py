"""Carries invoices from a billing system to sevDesk, and their payment state back."""
