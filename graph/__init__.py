"""Meta's Graph API: what is asked, what the answers mean, and how many calls may be made."""
