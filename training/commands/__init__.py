"""The subcommands of `python -m training`, a file each: `add` declares the options, `run` does the work.

TensorFlow takes seconds to import, so `run` imports what it needs and `--help` stays fast.
"""
