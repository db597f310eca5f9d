"""Pages of events: for everybody (public), and for coordinators (staff)."""
