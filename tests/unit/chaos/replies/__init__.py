"""The proof of replies: what its verdict finds, and what goes wrong in it."""
