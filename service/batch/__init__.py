"""Batches: many images in one request, an entry for each."""
