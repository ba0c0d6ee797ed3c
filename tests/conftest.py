"""What all tests share: the name under which Starlette's test client asks a service."""

import os

# Tests that start the service as a process of its own give it none of these.
os.environ["FER_HOSTS"] = "testserver"
