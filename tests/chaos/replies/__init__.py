"""The proof of replies: faults on every write, and a day in which every answer comes back."""
