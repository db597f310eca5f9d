"""Pages about programmes: for everybody, for who is invited, for who is in, for staff."""
