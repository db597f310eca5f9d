"""Pure logic of events: no Django, no clock."""
