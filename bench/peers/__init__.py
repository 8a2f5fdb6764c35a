"""The designs that the platform is compared with; each has a group of dependencies in pyproject.toml."""
