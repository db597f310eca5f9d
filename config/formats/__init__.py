"""How dates are written in each language, where Django's own way is not ours.

English as in London, not as in New York ("Nov. 29, 2026, 4 p.m."); times by 24 hours everywhere.
"""

from django.utils.translation import gettext_noop

# Django's own words for these are not everywhere what the language writes in the middle of a line
# ("4 de Junho"), so our catalogues have them too, as Unicode's CLDR does.
MONTHS = (
    gettext_noop("January"),
    gettext_noop("February"),
    gettext_noop("March"),
    gettext_noop("April"),
    gettext_noop("May"),
    gettext_noop("June"),
    gettext_noop("July"),
    gettext_noop("August"),
    gettext_noop("September"),
    gettext_noop("October"),
    gettext_noop("November"),
    gettext_noop("December"),
)
