"""Alembic's revisions, and how they are applied."""
