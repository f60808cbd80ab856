"""A Graph API of our own: nodes and edges that Hookline uses, limits that count, faults on order.

Consistent with the traffic: told of a delivery, it knows the comments and mentions in it as the
delivery has them. Whatever nobody told it of follows from its id and the seed.
"""
