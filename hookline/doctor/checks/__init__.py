"""What the doctor checks, noun by noun: pure judgements of what was seen, with their handbook."""
