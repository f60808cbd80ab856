"""Meta's side of the webhook, for tests, demonstrations and load.

Shares nothing with the receiving side but the platform's facts: it writes bodies, signs them and
computes what should come of them by code of its own, so that an error on one side shows.
"""
