"""What shows on a lock screen says nothing: no subject, sender or file name hints at therapy.

Every mail template of the site is found and read here, in every language we have, so that a new
one cannot be forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.template import Engine
from django.template.base import Node, TextNode
from django.template.loader_tags import IncludeNode
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.utils import translation

TELLING = {
    "en": "therap|counsel|session|mental|wellness|wellbeing|health|psych|clinic|treatment|care\\b"
    "|anxi|depress|crisis|practice|practitioner|patient|client|diagnos|grief|addict|recovery"
    "|support group|circle",
    "es": "terap|sesi[oó]n|salud|mental|bienestar|psic|cl[ií]nic|tratamiento|cuidado|ansiedad"
    "|depres|crisis|consulta|paciente|diagn[oó]st|duelo|adicc|apoyo emocional",
    "pt-br": "terap|sess[aãoõ]|sa[uú]de|mental|bem-estar|psic|cl[ií]nic|tratamento|cuidado"
    "|ansied|depress|crise|consult|paciente|diagn[oó]st|luto|v[ií]cio|apoio emocional",
    "fr": "th[eé]rap|s[eé]ance|sant[eé]|mental|bien-[eê]tre|psy|clini|traitement|\\bsoins?\\b|anxi"
    "|d[eé]pressi|crise|consultation|cabinet|praticien|patient|diagnos|deuil|addict",
    "de": "therap|sitzung|gesund|mental|wellness|wohl(befinden|ergehen)|psych|klinik|behandl|betreu"
    "|beratung|angst|depress|krise|praxis|patient|klient|diagnos|trauer|sucht",
    "ar": "علاج|معالج|جلس|نفسي|صح[ةي](?!ح)|عافي|عياد|رعاي|قلق|اكتئاب|أزم|مريض|مرضى|تشخيص|إدمان|حداد"
    "|استشار",
}
# "sesión" is also how one signs in, and only then is it harmless.
HARMLESS = re.compile(r"inici\w+ (de )?sesi[oó]n|recovery codes?", re.IGNORECASE)


def mail_templates() -> Iterator[str]:
    for folder in [*settings.TEMPLATES[0]["DIRS"], *settings.BASE_DIR.glob("*/templates")]:
        for path in sorted(Path(folder).glob("*/mail/*.subject.txt")):
            yield str(path.relative_to(folder))


def subject(name: str, language: str) -> str:
    """Every word of ours that the subject may show: what is put in comes from people."""
    found = []
    nodes = Engine.get_default().get_template(name).nodelist.get_nodes_by_type(Node)
    with translation.override(language):
        for node in nodes:
            if isinstance(node, TextNode):
                found.append(node.s)
            elif isinstance(node, BlockTranslateNode):
                for tokens in (node.singular, node.plural or []):
                    found.append(translation.gettext(node.render_token_list(tokens)[0]))
            elif isinstance(node, TranslateNode):
                found.append(translation.gettext(node.filter_expression.var.literal))
            elif isinstance(node, IncludeNode):
                found.append(subject(node.template.var, language))
    return " ".join(found)


def telling_words(text: str, language: str) -> list[str]:
    return re.findall(TELLING[language], HARMLESS.sub("", text), re.IGNORECASE)


def test_every_language_of_the_site_has_its_words() -> None:
    assert set(TELLING) == set(dict(settings.LANGUAGES))


@pytest.mark.parametrize("name", sorted(set(mail_templates())))
def test_no_subject_tells(name: str) -> None:
    for language in TELLING:
        text = subject(name, language)

        assert text.strip(), f"{name} says nothing"
        assert (language, telling_words(text, language)) == (language, [])


@pytest.mark.parametrize("name", sorted(set(mail_templates())))
def test_each_subject_has_a_text_beside_it(name: str) -> None:
    Engine.get_default().get_template(name.replace(".subject.txt", ".txt"))


@pytest.mark.parametrize("language", sorted(TELLING))
def test_the_sender_does_not_tell(language: str) -> None:
    assert telling_words(settings.DEFAULT_FROM_EMAIL, language) == []


def test_the_word_list_finds_what_it_should() -> None:
    """The control: these would all be caught."""
    for text, language in [
        ("Your therapy session is booked", "en"),
        ("A counselling place is free", "en"),
        ("Tu sesión de terapia", "es"),
        ("Cita con tu psicóloga", "es"),
        ("Sua sessão está marcada", "pt-br"),
        ("Votre séance au cabinet", "fr"),
        ("Deine Sitzung in der Praxis", "de"),
        ("جلستك محجوزة", "ar"),
    ]:
        assert telling_words(text, language)
    assert telling_words("Iniciar sesión", "es") == []
    assert len(set(mail_templates())) >= 15


def test_every_mail_that_allauth_sends_has_words_of_ours() -> None:
    import allauth

    source = Path(allauth.__file__).parent / "templates"
    theirs = {
        path.name.removesuffix("_subject.txt") for path in source.glob("*/email/*_subject.txt")
    } - {"password_reset_code"}  # we mail a link
    ours = {Path(name).name.removesuffix(".subject.txt") for name in mail_templates()}
    assert theirs <= ours
