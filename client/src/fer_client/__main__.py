"""python -m fer_client: the same as `fer`."""

import sys

from fer_client.cli.main import main

sys.exit(main())
