"""What the account renders: PDF, e-invoice XML, and DATEV postings, EXTF files and the archive that holds them."""
