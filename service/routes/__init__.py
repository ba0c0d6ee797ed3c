"""One file per path: each translates between HTTP or WebSocket and the analysis."""
