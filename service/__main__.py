"""python -m service. Every worker imports this file, too, so it imports nothing until it is run."""

import sys


def main() -> int:
    """As `server.serve`; what the service and its workers need is loaded by both at the same time."""
    if arguments := sys.argv[1:]:
        from .settings import without_arguments

        return without_arguments(arguments)
    from .workers.worker import start_fork_server

    try:
        start_fork_server()
    except OSError as error:
        from . import request_log

        request_log.configure("auto")
        request_log.log.error("TMPDIR: no folder for the socket of the workers: %s", error)
        return 1
    from .server import serve

    return serve()


if __name__ == "__main__":
    sys.exit(main())
