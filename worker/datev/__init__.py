"""A DATEV package: ordered, fetched, read without trust, and matched with our documents. All but `export` is pure."""
