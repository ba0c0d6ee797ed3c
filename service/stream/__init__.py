"""WebSocket sessions, protocol fer.v1."""
