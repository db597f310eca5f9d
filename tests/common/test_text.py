from django.utils.translation import override

from common.text import is_showable, listed


def test_a_name_in_any_script_can_be_shown() -> None:
    for name in (
        "Björk",
        "ヴェルヴェット",
        "عصفور",
        "नूर",
        "क्\u200dष",
        "👩\u200d🎤",
        "!!!",
        "",
        "2\u00d72",
    ):
        assert is_showable(name), name


def test_what_turns_words_around_or_shows_nothing_is_no_name() -> None:
    for name in ("Vel\u202evet", "a\x00", "a\nb", "\ud800", "\ue000", "\u200b", "\u3000\u200d"):
        assert not is_showable(name), name


def test_a_list_has_the_comma_of_its_language() -> None:
    for language, shown in [("en", "1, 2"), ("de", "1, 2"), ("ar", "1\u060c 2")]:
        with override(language):
            assert listed([1, 2]) == shown
