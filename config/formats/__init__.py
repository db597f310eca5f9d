"""How dates are written in each language, where Django's own way is not ours.

English as in London, not as in New York ("Nov. 29, 2026, 4 p.m."); times by 24 hours everywhere.
"""
