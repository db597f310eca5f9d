"""Who to call, by country. The one home of every number on ``/help/``.

Rules, each with a test: a number always belongs to a country, since 116 123 is three different
services in three of them; every entry names its source and how old that source is; nothing counts
as re-checked until a named person has compared it with the operator's own page. Only what the
operator or a government says (grade A), or what independent reports agree on (grade B), is here.
Where sources disagreed and none was the operator's (South Africa), there is nothing: a wrong
number is worse than none.

The words are English and shown in English in every language of the site until a person has reviewed
a translation; numbers, hours and keywords are never translated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

UNDATED = "undated page, read in November 2026"
ROUND_THE_CLOCK = "24 hours a day, every day"


@dataclass(frozen=True)
class Source:
    """Where an entry was found, and the date of that source."""

    name: str
    dated: str


@dataclass(frozen=True)
class Check:
    """A named person compared the entry with the operator's own page on this day."""

    by: str
    on: date


@dataclass(frozen=True)
class Contact:
    """One way to reach a line. ``say`` is the text to send, or what to ask for."""

    way: Literal["call", "text", "chat", "e-mail", "web"]
    shown: str
    to: str = ""
    say: str = ""
    note: str = ""

    @property
    def url(self) -> str:
        """A link that dials, opens a message, or opens the page."""
        target = self.to or re.sub(r"[^\d+]", "", self.shown)
        if self.way == "call":
            return f"tel:{target}"
        if self.way == "text":
            return f"sms:{target}?body={self.say}" if self.say else f"sms:{target}"
        if self.way == "e-mail":
            return f"mailto:{self.shown}"
        return f"https://{self.to or self.shown}"


@dataclass(frozen=True)
class Line:
    name: str
    contacts: tuple[Contact, ...]
    hours: str
    source: Source
    grade: Literal["A", "B"]
    about: str = ""
    languages: str = ""
    music: bool = False
    crisis: bool = True
    checked: Check | None = None


@dataclass(frozen=True)
class Emergency:
    """The number for a life in danger now, and who answers it."""

    number: str
    note: str
    source: Source
    also: tuple[tuple[str, str], ...] = ()
    checked: Check | None = None


@dataclass(frozen=True)
class Country:
    """``code`` is ISO 3166-1 alpha-2."""

    code: str
    name: str
    emergency: Emergency
    lines: tuple[Line, ...]


def call(shown: str, to: str = "", note: str = "") -> Contact:
    return Contact("call", shown, to, note=note)


def text(shown: str, say: str = "", note: str = "") -> Contact:
    return Contact("text", shown, say=say, note=note)


def web(shown: str, note: str = "") -> Contact:
    return Contact("web", shown, note=note)


def chat(shown: str) -> Contact:
    return Contact("chat", shown)


FCC = Source("US Federal Communications Commission, consumer information", "15 April 2010")
EUROPE = Source("European Commission, MEMO/05/363", "11 October 2005")
WHOLE_EU = "Police, ambulance and fire. Works in every country of the European Union."

COUNTRIES: tuple[Country, ...] = (
    Country(
        "AU",
        "Australia",
        Emergency(
            "000",
            "Police, ambulance and fire.",
            Source("triplezero.gov.au, on the numbering plan of 2019", UNDATED),
            also=(("From a mobile", "112"),),
        ),
        (
            Line(
                "Support Act Wellbeing Helpline",
                (call("1800 959 500"),),
                ROUND_THE_CLOCK,
                Source("artswellbeingcollective.com.au, a partner's page", UNDATED),
                "A",
                about="For people who work in music and the arts. Asks you to call 000 in an"
                " emergency.",
                music=True,
            ),
            Line(
                "Lifeline",
                (call("13 11 14"), text("0477 13 11 14")),
                f"{ROUND_THE_CLOCK}, by phone and by text",
                Source("lifeinmind.org.au; thepushupchallenge", "February 2022; June 2024"),
                "B",
            ),
        ),
    ),
    Country(
        "BR",
        "Brazil",
        Emergency(
            "192",
            "Ambulance (SAMU), also for a psychiatric emergency.",
            Source("Ministério da Saúde, saude.gov.br", "14 October 2019"),
        ),
        (
            Line(
                "CVV – Centro de Valorização da Vida",
                (call("188"), Contact("chat", "Chat or e-mail at cvv.org.br", "cvv.org.br")),
                f"{ROUND_THE_CLOCK}, by phone",
                Source("claudia.abril.com.br; hercampus", "July 2018"),
                "B",
                about="Free from anywhere in Brazil.",
            ),
        ),
    ),
    Country(
        "CA",
        "Canada",
        Emergency("911", "Police, ambulance and fire.", FCC),
        (
            Line(
                "9-8-8 Suicide Crisis Helpline",
                (call("988"), text("988")),
                ROUND_THE_CLOCK,
                Source("Government of Canada, by newswire.ca", "30 November 2023"),
                "A",
                languages="English, French",
            ),
            Line(
                "Unison Fund",
                (web("unisonfund.ca", "By phone and online, after registering there."),),
                ROUND_THE_CLOCK,
                Source("unisonfund.ca, questions and answers", UNDATED),
                "A",
                about="For people who work in music. We found no number stated by Unison itself,"
                " so we give none.",
                languages="English, French",
                music=True,
                crisis=False,
            ),
        ),
    ),
    Country(
        "FR",
        "France",
        Emergency("112", WHOLE_EU, EUROPE),
        (
            Line(
                "3114 – Numéro national de prévention du suicide",
                (call("3114"),),
                ROUND_THE_CLOCK,
                Source("cnape.fr; francetvinfo.fr", "2022; February 2022"),
                "B",
                about="Free. Professionals answer.",
            ),
        ),
    ),
    Country(
        "DE",
        "Germany",
        Emergency("112", WHOLE_EU, EUROPE),
        (
            Line(
                "TelefonSeelsorge",
                (
                    call("0800 111 0 111"),
                    call("0800 111 0 222"),
                    call("116 123"),
                    Contact("chat", "online.telefonseelsorge.de"),
                ),
                ROUND_THE_CLOCK,
                Source("domradio.de; spektrum.de", "September 2022"),
                "B",
                about="Free and anonymous. It can take several attempts to get through.",
            ),
        ),
    ),
    Country(
        "IN",
        "India",
        Emergency(
            "112",
            "Police, ambulance and fire.",
            Source("Home Ministry, by dnaindia.com", "20 January 2026"),
        ),
        (
            Line(
                "Tele-MANAS",
                (call("14416"),),
                ROUND_THE_CLOCK,
                Source("A minister, by theshillongtimes.com", "7 February 2025"),
                "B",
                languages="20 languages",
            ),
        ),
    ),
    Country(
        "IE",
        "Ireland",
        Emergency("112", WHOLE_EU, EUROPE),
        (
            Line(
                "Minding Creative Minds",
                (
                    call("1800 814 244"),
                    text("087 369 0010", say="Hi", note="SMS or WhatsApp"),
                    call("+353 1 518 0277", note="from abroad"),
                ),
                f"{ROUND_THE_CLOCK}, by phone",
                Source("Irish Government, merrionstreet.ie", UNDATED),
                "A",
                about="For people who work in the creative sector.",
                music=True,
            ),
            Line(
                "Samaritans",
                (
                    call("116 123"),
                    Contact("e-mail", "jo@samaritans.org", note="not answered straight away"),
                ),
                ROUND_THE_CLOCK,
                Source("samaritans.org", UNDATED),
                "A",
                about="Free.",
            ),
        ),
    ),
    Country(
        "MX",
        "Mexico",
        Emergency(
            "911",
            "Police, ambulance and fire.",
            Source("Sistema Nacional de Seguridad Pública, by informador.com.mx", "3 October 2016"),
        ),
        (
            Line(
                "Línea de la Vida",
                (call("800 911 2000"),),
                ROUND_THE_CLOCK,
                Source("eluniversal.com.mx", "24 December 2025"),
                "B",
                about="Free.",
            ),
        ),
    ),
    Country(
        "NL",
        "Netherlands",
        Emergency("112", WHOLE_EU, EUROPE),
        (
            Line(
                "113 Zelfmoordpreventie",
                (call("113"), call("0800-0113"), chat("113.nl")),
                ROUND_THE_CLOCK,
                Source("ANP, by upday.com; nrc.nl", "3 October 2025; 2020"),
                "B",
                about="In the Netherlands only: in Norway 113 is the ambulance.",
            ),
        ),
    ),
    Country(
        "NZ",
        "New Zealand",
        Emergency(
            "111",
            "Police, ambulance and fire, also for a life-threatening mental health situation.",
            Source("govt.nz, 111 emergency service", UNDATED),
        ),
        (
            Line(
                "MusicHelps",
                (call("0508 MUSICHELP", "0508687424", note="0508 687 424 on a keypad"),),
                ROUND_THE_CLOCK,
                Source("musichelps.org.nz; aucklandlive.co.nz", "2017; 2020"),
                "A",
                about="For people who work in music. By phone, online and in person.",
                music=True,
            ),
        ),
    ),
    Country(
        "NO",
        "Norway",
        Emergency(
            "113",
            "Ambulance, also where a life is in danger from suicide. The police have 112.",
            Source("helsenorge.no, Ring 113", UNDATED),
        ),
        (
            Line(
                "Mental Helse",
                (call("116 123"),),
                ROUND_THE_CLOCK,
                Source("nrk.no; tv2.no", "November 2021; January 2020"),
                "B",
            ),
            Line(
                "Kirkens SOS",
                (call("22 40 00 40"),),
                ROUND_THE_CLOCK,
                Source("nrk.no; tv2.no", "November 2021; January 2020"),
                "B",
            ),
        ),
    ),
    Country(
        "ES",
        "Spain",
        Emergency("112", WHOLE_EU, EUROPE),
        (
            Line(
                "024",
                (call("024"),),
                ROUND_THE_CLOCK,
                Source("rtve.es", "9 May 2022"),
                "B",
                about="Free and confidential.",
            ),
        ),
    ),
    Country(
        "GB",
        "United Kingdom",
        Emergency(
            "999",
            "Police, ambulance and fire.",
            Source("Dorset Police; Avon and Somerset Police", UNDATED),
        ),
        (
            Line(
                "Music Minds Matter",
                (call("0808 802 8008"),),
                ROUND_THE_CLOCK,
                Source("grmdaily.com; iq-mag.net", "2017; 2022"),
                "B",
                about="Free. For all who work in music.",
                music=True,
            ),
            Line(
                "Minding Creative Minds",
                (call("0800 0903677"),),
                f"{ROUND_THE_CLOCK}, by phone",
                Source("Irish Government, merrionstreet.ie", UNDATED),
                "A",
                about="For the creative sector: the Irish service's number for Northern Ireland"
                " and the UK.",
                music=True,
            ),
            Line(
                "Samaritans",
                (
                    call("116 123"),
                    Contact("e-mail", "jo@samaritans.org", note="not answered straight away"),
                ),
                ROUND_THE_CLOCK,
                Source("samaritans.org; sunderland.ac.uk", "undated; 2021"),
                "A",
                about="Free.",
            ),
            Line(
                "Shout",
                (text("85258"),),
                ROUND_THE_CLOCK,
                Source("giveusashout.org, questions and answers", "4 November 2024"),
                "A",
                about="Free, for people who live in the UK.",
            ),
            Line(
                "BAPAM",
                (call("020 7404 8444"),),
                "Hours not stated",
                Source("bapam.org.uk, news", "2020"),
                "A",
                about="Health care for performers. Not for a crisis.",
                music=True,
                crisis=False,
            ),
        ),
    ),
    Country(
        "US",
        "United States",
        Emergency("911", "Police, ambulance and fire.", FCC),
        (
            Line(
                "B-LINE",
                (
                    call("1-855-BLINE99", "18552546399", note="1-855-254-6399 on a keypad"),
                    text("254-639"),
                ),
                ROUND_THE_CLOCK,
                Source("nysmusic.com; musicradar.com", "28 January 2026; 27 January 2026"),
                "B",
                about="For people who work in music. Confidential.",
                music=True,
            ),
            Line(
                "988 Suicide & Crisis Lifeline",
                (call("988"), text("988"), chat("988lifeline.org")),
                ROUND_THE_CLOCK,
                Source(
                    "mhn.com; abc7.com; safetyandhealthmagazine.com",
                    "2022; July 2023; September 2023",
                ),
                "B",
                languages="By voice English, Spanish and interpreters for 250 more; by text and"
                " chat English and Spanish; sign language by video",
            ),
            Line(
                "Crisis Text Line",
                (text("741741", say="HOME"), text("741741", say="HOLA", note="in Spanish")),
                ROUND_THE_CLOCK,
                Source("alexproject.org; newsbreak", "2021"),
                "B",
                languages="English, Spanish",
            ),
            Line(
                "SAMHSA National Helpline",
                (call("1-800-662-4357"), call("1-800-487-4889", note="TTY")),
                ROUND_THE_CLOCK,
                Source("samhsa.gov, from a copy", UNDATED),
                "A",
                about="Tells you where to get help near you; it is not counselling.",
                languages="English, Spanish",
                crisis=False,
            ),
        ),
    ),
)
