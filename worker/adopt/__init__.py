"""Takes over what billing system and sevDesk have from before: links invoices and contacts, and lists every doubt."""
