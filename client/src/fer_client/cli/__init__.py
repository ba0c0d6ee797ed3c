"""The command line: `fer`."""
