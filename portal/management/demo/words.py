"""Invented names and event texts. Nobody and nothing here exists."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_WORDS = (
    "Amber", "Velvet", "Marigold", "Indigo", "Paper", "Silver", "Hollow", "Cedar", "Nova", "Lark",
    "Juniper", "Copper", "Midnight", "Coral", "Echo", "Ivory", "Saffron", "Willow", "Tidal", "Plum",
    "Glass", "Ember", "Lunar", "Moss", "Opal", "Rosa", "Sable", "Tango", "Umber", "Violeta",
)  # fmt: skip
SECOND_WORDS = (
    "Harbour", "Sparrow", "Avenue", "Lantern", "Orchard", "Signal", "Meadow", "Parade", "Atlas",
    "Season", "Hallway", "Comet", "Kestrel", "Balcony", "River", "Matinee", "Porch", "Vesper",
    "Carousel", "Static", "Garden", "Motel", "Cascade", "Fable", "Monsoon", "Arcade", "Duet",
    "Ribbon", "Almanac", "Sundial",
)  # fmt: skip


@dataclass(frozen=True)
class Listing:
    """An event of the demo: its words, when it is (days from today) and how full it gets."""

    title: str
    summary: str
    zone: str
    days: tuple[int, ...]
    hour: int
    minutes: int
    topics: tuple[str, ...]
    format: str = "in_person"
    language: str = "en"
    place: tuple[str, str] = ("", "")
    capacity: int | None = None
    keen: float = 0.6
    """Which part of the places is asked for; above 1 there is a queue."""
    plus_ones: int = 0
    programme: str = ""
    visibility: str = "public"
    hosts: str = ""


WEEKLY = (-56, -49, -42, -35, -28, -21, -14, -7, 0, 7, 14, 21, 28)
LISTINGS = (
    Listing(
        "The Weekly Circle", "An hour to say how it is, or to listen. Cameras optional.",
        "America/New_York", WEEKLY, 18, 60, ("community", "stress"), "online",
        capacity=40, keen=0.55, hosts="Rosa Kestrel",
    ),
    Listing(
        "El círculo de cada semana", "Una hora para contar cómo va, o para escuchar.",
        "America/New_York", tuple(day + 1 for day in WEEKLY[:-1]), 19, 60, ("community",),
        "online", "es", capacity=30, keen=0.5, hosts="Violeta Sundial",
    ),
    Listing(
        "Morning Stretch for Touring Bodies", "Twenty-five minutes you can do in a bus aisle.",
        "Europe/London", (-40, -33, -26, -19, -12, -5, 2, 9, 16), 9, 25, ("movement", "touring"),
        "online", capacity=60, keen=0.3, hosts="Moss Parade",
    ),
    Listing(
        "Lantern Studio Residency: Slow Songs", "Three quiet days to write without a deadline.",
        "Europe/London", (18,), 10, 480, ("creativity", "stress"),
        place=("Lantern Studio", "4 Example Mews, London"), capacity=12, keen=1.6, plus_ones=1,
        hosts="Juniper Atlas",
    ),
    Listing(
        "Songwriting Day, No Phones", "Write with strangers, eat together, go home lighter.",
        "America/New_York", (-90,), 11, 360, ("creativity", "community"),
        place=("Paper Room", "12 Example Street, Brooklyn"), capacity=24, keen=1.2,
    ),
    Listing(
        "Backstage Quiet Room: Harbour Festival", "Tea, earplugs, a sofa and somebody kind.",
        "Europe/London", (-23,), 14, 480, ("touring", "stress"),
        place=("Harbour Field, tent 3", "Example Quay, Bristol"), capacity=80, keen=0.5,
    ),
    Listing(
        "Sleep After the Encore", "A sleep practitioner answers what night work does to you.",
        "Europe/Berlin", (6,), 19, 75, ("sleep", "touring"), "online", capacity=100, keen=0.4,
    ),
    Listing(
        "Ear Check Afternoon", "Free hearing checks and moulded plugs explained.",
        "Europe/Berlin", (-16,), 13, 240, ("hearing",),
        place=("Haus Almanach", "Beispielweg 9, Berlin"), capacity=36, keen=0.9,
    ),
    Listing(
        "Nerves: Before You Walk On", "Breath, body and a plan for the ninety seconds before.",
        "America/Los_Angeles", (4,), 17, 90, ("stage",),
        place=("Opal Hall, room 2", "88 Example Avenue, Los Angeles"), capacity=20, keen=1.5,
        plus_ones=1,
    ),
    Listing(
        "Money Worries, Plainly", "Taxes, gaps and how to sleep through them.",
        "America/Chicago", (-9,), 12, 60, ("money",), "online", capacity=120, keen=0.35,
    ),
    Listing(
        "Sober-ish: Green Room Stories", "People who stopped, or drink less, on how touring went.",
        "Europe/London", (11,), 19, 90, ("sobriety", "touring"), "hybrid",
        place=("Cedar House", "30 Example Road, Manchester"), capacity=45, keen=0.7,
    ),
    Listing(
        "Grief in a Minor Key", "A gentle evening for those who have lost somebody.",
        "Europe/London", (-63,), 19, 90, ("loss",),
        place=("Cedar House", "30 Example Road, Manchester"), capacity=16, keen=1.0,
    ),
    Listing(
        "Breathwork Between Soundchecks", "Forty minutes, chairs, no incense.",
        "America/New_York", (-12, 15), 15, 40, ("mindfulness", "stage"),
        place=("Paper Room", "12 Example Street, Brooklyn"), capacity=25, keen=0.8,
    ),
    Listing(
        "Noche de canciones y descanso", "Cantar bajito, cenar y volver a casa temprano.",
        "America/Mexico_City", (8,), 19, 150, ("creativity", "community"), language="es",
        place=("Casa Ejemplo", "Calle Ejemplo 21, Ciudad de México"), capacity=30, keen=0.9,
        plus_ones=1,
    ),
    Listing(
        "Managers' Hour", "For the people who hold everybody else.",
        "Europe/London", (-30, -2, 26), 17, 60, ("stress", "community"), "online", capacity=40,
        keen=0.6,
    ),
    Listing(
        "Crew Breakfast", "Coffee before load-in. Crew first, artists welcome.",
        "Europe/London", (-19, 10), 8, 75, ("community", "touring"),
        place=("Lantern Studio", "4 Example Mews, London"), capacity=35, keen=0.5, plus_ones=2,
    ),
    Listing(
        "Walk and Talk, Riverside", "Five slow kilometres. Dogs welcome.",
        "Europe/London", (-15, 13), 11, 90, ("movement", "community"),
        place=("South bridge steps", "Example Embankment, London"), capacity=30, keen=0.6,
        plus_ones=2,
    ),
    Listing(
        "Yoga for Guitarists", "Wrists, shoulders, neck.",
        "America/New_York", (-25, 3), 10, 60, ("movement",),
        place=("Paper Room", "12 Example Street, Brooklyn"), capacity=18, keen=1.0,
    ),
    Listing(
        "Journaling for People Who Write for a Living", "Pages nobody will ever hear.",
        "America/Los_Angeles", (-20, 22), 18, 60, ("creativity", "mindfulness"), "online",
        capacity=50, keen=0.4,
    ),
    Listing(
        "Ask a Voice Therapist", "Hoarse, tired, worried: bring your questions.",
        "Europe/London", (5,), 18, 60, ("hearing", "stage"), "online", capacity=90, keen=0.5,
    ),
    Listing(
        "First Festival Season: What Nobody Says", "For those whose first big summer is coming.",
        "Europe/London", (24,), 18, 90, ("stage", "touring"), "online", capacity=80, keen=0.4,
        programme="first-light",
    ),
    Listing(
        "First Light Welcome Evening", "Meet the others of this term.",
        "Europe/London", (-75,), 18, 120, ("community",),
        place=("Cedar House", "30 Example Road, Manchester"), capacity=60, keen=0.8,
        programme="first-light", visibility="programme",
    ),
    Listing(
        "First Light Studio Afternoon", "An engineer, a piano and no red light.",
        "Europe/London", (12,), 14, 180, ("creativity",),
        place=("Lantern Studio", "4 Example Mews, London"), capacity=25, keen=0.8,
        programme="first-light", visibility="programme",
    ),
    Listing(
        "Open Tuning Kitchen Table", "Dinner and talk for the people of Open Tuning.",
        "America/New_York", (-66, 20), 19, 120, ("community",),
        place=("Paper Room", "12 Example Street, Brooklyn"), capacity=30, keen=0.8,
        programme="open-tuning", visibility="programme",
    ),
    Listing(
        "Open Tuning Town Hall", "Where the programme goes next.",
        "America/New_York", (-80,), 17, 60, ("community",), "online", capacity=150, keen=0.35,
        programme="open-tuning", visibility="programme",
    ),
    Listing(
        "Night Shift Listening Session", "Unfinished songs, kind ears.",
        "America/Chicago", (-70, 9), 20, 90, ("creativity",), "online", capacity=40, keen=0.6,
        programme="night-shift", visibility="programme",
    ),
    Listing(
        "Ambassadors' Retreat Day", "One day outside. Lunch and boots are there.",
        "Europe/London", (33,), 10, 360, ("movement", "mindfulness"),
        place=("Orchard Farm", "Example Lane, near Stroud"), capacity=40, keen=1.1,
        visibility="ambassadors",
    ),
    Listing(
        "Ambassadors' Call: Looking After Your Band", "When it is somebody else's worst week.",
        "America/New_York", (-11, 19), 16, 60, ("community", "stress"), "online", capacity=80,
        keen=0.5, visibility="ambassadors",
    ),
    Listing(
        "Autumn Rest Day", "Sauna, soup, silence.",
        "Europe/Berlin", (16,), 11, 300, ("mindfulness", "stress"),
        place=("Haus Almanach", "Beispielweg 9, Berlin"), capacity=20, keen=0.8,
    ),
    Listing(
        "Dance With the Lights On", "A ten o'clock dance floor. In the morning.",
        "Europe/London", (29,), 10, 120, ("movement", "community"),
        place=("Harbour Field, hall", "Example Quay, Bristol"), capacity=100, keen=0.3, plus_ones=3,
    ),
    Listing(
        "Studio Neighbours: Unlisted Soundcheck Picnic", "For those who have the link.",
        "America/Los_Angeles", (7,), 12, 120, ("community",),
        place=("Opal Hall yard", "88 Example Avenue, Los Angeles"), capacity=30, keen=0.4,
        visibility="unlisted",
    ),
    Listing(
        "Stage Fright, One Year On", "Three singers on what helped and what did not.",
        "America/Los_Angeles", (-18,), 18, 75, ("stage",), "online", capacity=120, keen=0.4,
    ),
    Listing(
        "Home From Tour", "The strange first week back, and how to land.",
        "Europe/London", (-8,), 19, 75, ("touring", "loss"), "online", capacity=100, keen=0.45,
    ),
    Listing(
        "Parents Who Play", "Naps, nappies and encores.",
        "America/New_York", (14,), 13, 60, ("community", "touring"), "online", capacity=60,
        keen=0.3,
    ),
    Listing(
        "Cold Water, Warm Flask", "A guided dip for beginners.",
        "Europe/London", (21,), 8, 90, ("movement",),
        place=("Harbour slipway", "Example Quay, Bristol"), capacity=14, keen=1.3,
    ),
    Listing(
        "Cuerpo y voz", "Relajar la garganta sin dejar de cantar.",
        "America/Los_Angeles", (17,), 17, 60, ("stage", "movement"), "online", "es", capacity=60,
        keen=0.35,
    ),
    Listing(
        "Producers, Offline", "Hands in clay for people who stare at waveforms.",
        "Europe/Berlin", (23,), 14, 180, ("creativity", "mindfulness"),
        place=("Haus Almanach", "Beispielweg 9, Berlin"), capacity=16, keen=0.9,
    ),
)  # fmt: skip

CANCELLED = "Autumn Rest Day"
RESCHEDULED = "Sleep After the Encore"
SOLD_OUT = "Nerves: Before You Walk On"

RESIDENCY = "Lantern Studio Residency: Slow Songs"
CIRCULO = "El círculo de cada semana"
# Where hosts decide who comes.
DECIDED = (RESIDENCY, CIRCULO)
# Where those who came were asked how it was, also whether it helped.
SURVEYED = "Home From Tour"


@dataclass(frozen=True)
class Asked:
    """A question of an event, and what people may answer to it."""

    text: str
    answers: tuple[str, ...]
    kind: str = "text"
    is_care: bool = False


QUESTIONS = {
    RESIDENCY: (
        Asked("What would you bring to work on?", (
            "Four verses and no chorus", "A film score that got too loud",
            "Something for two voices", "I do not know yet, and that is why",
        )),
        Asked("Which day can you arrive?", ("The evening before", "That morning"), kind="choice"),
        Asked("What do you need to be comfortable?", (
            "A room without stairs", "No scented candles, please", "A chair I can lie down next to",
        ), is_care=True),
    ),
    CIRCULO: (
        Asked("¿Desde dónde te conectas?", ("Oaxaca", "Nueva York", "Bogotá", "De gira")),
    ),
    SOLD_OUT: (
        Asked("What do you play or do on stage?", ("Vocals", "Drums", "Front of house", "Cello")),
        Asked("Anything the room should have for you?", (
            "A seat near the door", "Step-free, with a walker",
        ), is_care=True),
    ),
}  # fmt: skip
# What hosts wrote to people: to whom, and what.
NOTES = {
    SOLD_OUT: (
        ("going", "Opal Hall has two doors. Ours is the one on the side, with the lamp over it."),
        ("waiting", "Two people have left since Monday, so it is worth staying on the list."),
    ),
    RESIDENCY: (
        ("applied", "We read every request by Friday and answer each of you, also with a no."),
    ),
    "The Weekly Circle": (
        ("going", "We begin at six sharp and open the room five minutes early. Bring tea."),
    ),
}

BODIES = {
    "en": """
**What happens.** We begin on time and gently. You can say a lot, a little or nothing. Nobody is
asked to share, and what is said stays in the room.

**Who comes.** People who work in music: artists, crew, managers, technicians, writers. You will not
see a list of who else is coming, and nor will they.

**Before you come.** Bring water and something warm. You can leave at any moment without saying why.
""",
    "es": """
**Qué pasa.** Empezamos a la hora y con calma. Puedes hablar mucho, poco o nada. Nadie tiene que
contar nada, y lo que se dice se queda aquí.

**Quién viene.** Gente que trabaja en la música: artistas, técnicos, representantes, autores. No
verás una lista de quién más viene, y los demás tampoco.

**Antes de venir.** Trae agua y algo de abrigo. Puedes irte en cualquier momento sin decir por qué.
""",
}
# The ambassador of the demo hosts these, and is asked to host that one.
HOSTED = ("Yoga for Guitarists", "Walk and Talk, Riverside", "Open Tuning Kitchen Table")
ASKED_TO_HOST = "Parents Who Play"
