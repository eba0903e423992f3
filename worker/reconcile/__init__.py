"""Compares the billing system's invoices with sevDesk's documents, whole book against whole book."""
