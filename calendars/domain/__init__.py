"""Calendar text (RFC 5545 and RFC 7986): pure functions, no Django, no clock."""
