import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.codes import LENGTH, SYMBOLS, BadCode, new_code, read_code, show_code

codes = st.builds(lambda _: new_code(), st.integers())


def test_a_new_code_has_fourteen_symbols_that_can_be_said_on_the_phone() -> None:
    for _ in range(500):
        code = new_code()
        assert len(code) == LENGTH
        assert set(code) <= set(SYMBOLS)
        assert read_code(code) == code


def test_it_is_shown_in_three_groups() -> None:
    assert show_code("0123456789ABCD") == "01234-56789-ABCD"


def test_two_codes_differ() -> None:
    assert len({new_code() for _ in range(1_000)}) == 1_000


@settings(max_examples=25)
@given(codes)
def test_every_single_wrong_symbol_is_caught(code: str) -> None:
    for place, right in enumerate(code):
        for wrong in set(SYMBOLS) - {right}:
            with pytest.raises(BadCode):
                read_code(code[:place] + wrong + code[place + 1 :])


@settings(max_examples=100)
@given(codes)
def test_every_swap_of_neighbours_is_caught(code: str) -> None:
    for place in range(LENGTH - 1):
        left, right = code[place], code[place + 1]
        if left != right:
            with pytest.raises(BadCode):
                read_code(code[:place] + right + left + code[place + 2 :])


def test_it_is_read_as_people_type_it() -> None:
    # 1 + 0 * 32 + … : a code made of ones and zeros, with its check found by trial.
    body = "1010101010101"
    code = next(body + s for s in SYMBOLS if _is_code(body + s))
    typed = code.lower().replace("1", "l").replace("0", "o")
    assert read_code(f" {typed[:5]}-{typed[5:10]} \u2013{typed[10:]}\n") == code
    assert read_code(code.replace("1", "I")) == code


@pytest.mark.parametrize("text", ["", "ABC", "U" * 14, "0" * 15, "0" * 13, "ÄÖÜ", "0123456789ABC*"])
def test_what_cannot_be_a_code_is_refused(text: str) -> None:
    with pytest.raises(BadCode):
        read_code(text)


def _is_code(text: str) -> bool:
    try:
        read_code(text)
    except BadCode:
        return False
    return True
