"""Checks documents before they are mailed: what a PDF shows, and an e-invoice's XML by the official rules and ours."""
