"""The simulated Graph API, part by part and as a whole."""
