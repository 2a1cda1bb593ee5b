"""Manifests, and the plan for them: as JSON and as people see it."""
