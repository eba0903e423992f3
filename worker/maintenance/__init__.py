"""What keeps the ledger moving beside the jobs themselves."""
