"""Everything stored about one invoice, as one ZIP file that can be checked offline."""
