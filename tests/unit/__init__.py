"""Pure decisions, package by package."""
