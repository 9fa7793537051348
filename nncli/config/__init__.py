"""The YAML file: its typed schema, and a loader that keeps every position."""
