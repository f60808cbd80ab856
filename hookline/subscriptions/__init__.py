"""Subscriptions of apps and Pages at Meta, for the operator."""
