"""Compares the billing system's invoices with sevDesk's documents, all of them at once."""
