"""`make prove`: faults on purpose while Meta sends, then a report of what was kept and what not."""
