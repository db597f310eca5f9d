import pytest

from common.markdown import to_html


def test_words_become_paragraphs_lists_and_links() -> None:
    assert to_html("Come **early**.\n\n- tea\n\n[map](https://example.org/a)") == (
        "<p>Come <strong>early</strong>.</p>\n<ul>\n<li>tea</li>\n</ul>\n"
        '<p><a href="https://example.org/a" rel="noopener noreferrer nofollow">map</a></p>\n'
    )


def test_headings_start_below_those_of_the_page() -> None:
    assert to_html("# Big\n## Small") == "<h3>Big</h3>\n<h3>Small</h3>\n"
    assert to_html("## Part\n### Detail", top=2) == "<h2>Part</h2>\n<h3>Detail</h3>\n"


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](https://example.org/pixel.png)",
        "<style>body{display:none}</style>",
        '<a href="https://example.org" onclick="alert(1)">x</a>',
    ],
)
def test_nothing_that_runs_or_phones_home_comes_through(text: str) -> None:
    html = to_html(text)
    for tag in ("<script", "<img", "<style", "<a onclick", 'href="javascript', 'href="data'):
        assert tag not in html
