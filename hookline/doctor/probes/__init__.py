"""What looks for the doctor: each probe gives facts, and judges nothing. Each wait has an end."""
