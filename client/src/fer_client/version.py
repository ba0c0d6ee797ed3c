"""The version, where a build can read it without importing what the package depends on."""

VERSION = "0.2.0"
