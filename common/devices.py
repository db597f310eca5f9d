"""What a browser calls itself, in words a person recognises."""

from django.utils.translation import gettext as _

# In this order: Edge and Opera also claim to be Chrome, and Chrome to be Safari.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
DEVICES = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "Chromebook"),
    ("Linux", "Linux"),
)


def name_of(user_agent: str) -> str:
    """ "Chrome, Windows", or what it says of itself where we do not know it."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    device = next((name for mark, name in DEVICES if mark in user_agent), "")
    return ", ".join(filter(None, (browser, device))) or user_agent[:60] or _("Unknown device")
