"""More than one machine: manifests for Kubernetes, and what checks them."""
