"""How many calls may be made without one being refused."""
