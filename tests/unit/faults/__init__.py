"""The tools that make faults do what they say."""
