"""Watchdog: every account's deliveries are to be sent, and somebody is told when they do not come.

It reads no topic: it asks Meta for its subscriptions, mends them, and looks at what was stored.
"""
