"""What the account remembers: records, their indexes, switches, and how sums are computed. Imports no other room."""
