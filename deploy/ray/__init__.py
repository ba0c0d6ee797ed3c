"""Batches on Ray: folders of pictures and videos to one table."""
