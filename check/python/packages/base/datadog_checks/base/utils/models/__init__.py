"""What the descriptions of options import."""
