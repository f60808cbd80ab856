"""Dead letters in the operator's hands: found, explained, sent again, given up."""
