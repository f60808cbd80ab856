"""What comes when, and what is made of the result."""
