"""Collecting the texts to translate, compiling the translations, and checking that none is missing.

Babel does the work, so that no gettext programs have to be installed. Django's templates are
first turned into Python by Django itself, as its own makemessages does.
"""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract, extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from config.local import PROJECT
from config.local.console import say

LOCALE = PROJECT / "locale"
# Ours, and no others: libraries bring their own translations.
LEFT_OUT = {"var", "tests", "benchmarks", "docs", "static", "staticfiles", "requirements", "locale"}
KEYWORDS: dict[str, Any] = {
    **DEFAULT_KEYWORDS,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext_lazy": ((1, "c"), 2, 3),
}


# A placeholder outside of a tag; a sign of percent stays with its number.
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}")
ISOLATED = re.compile(r"(<[^>]*>)|(%\(\w+\)s|\{\w*\})(?!%%)")


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        return check(collect())
    if sys.argv[1:] == ["--compile"]:
        compile_all()
        return 0
    template = collect()
    update_all(template)
    compile_all()
    return check(template)


def catalogues() -> list[Path]:
    return sorted(LOCALE.glob("*/LC_MESSAGES/django.po"))


def compile_all() -> None:
    """Make the ``.mo`` of each ``.po``, at once: nobody ever reads half of one."""
    for path in catalogues():
        catalogue = _read(path)
        if catalogue.locale and catalogue.locale.text_direction == "rtl":
            _isolate(catalogue)
        draft = path.with_suffix(".mo.new")
        with draft.open("wb") as file:
            write_mo(file, catalogue)
        draft.rename(path.with_suffix(".mo"))


def _isolate(catalogue: Catalog) -> None:
    """Put what fills a placeholder between Unicode's isolates (FSI, PDI), where people read from
    right to left: a Latin title before a number would otherwise take the number along.
    """
    for message in catalogue:
        if message.id and isinstance(message.string, str):
            message.string = isolated(message.string)
        elif message.id and message.string:
            message.string = tuple(isolated(form) for form in message.string)


def isolated(text: str) -> str:
    return ISOLATED.sub(lambda m: m[1] or f"\u2068{m[2]}\u2069", text)


def update_all(template: Catalog) -> None:
    """Bring every catalogue to what the code says now; translations stay."""
    for path in catalogues():
        catalogue = _read(path)
        catalogue.update(template, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        with path.open("wb") as file:
            write_po(file, catalogue, width=88, include_lineno=False, sort_output=True)
        say(f"{path.relative_to(PROJECT)}: {len(catalogue)} texts")


def check(template: Catalog) -> int:
    """Every text in every catalogue, translated, with the same placeholders."""
    problems = []
    for path in catalogues():
        catalogue, name = _read(path), path.relative_to(PROJECT)
        for wanted in template:
            if wanted.id:
                problems += [f"{name}: {what}" for what in _problems(wanted, catalogue)]
    for problem in problems:
        say(problem)
    if problems:
        say("'make translations' collects what is missing.")
    return 1 if problems else 0


def collect() -> Catalog:
    """Every text of ours that can be translated, with the files it comes from."""
    template = Catalog(project="Greenroom", charset="utf-8", fuzzy=False)
    for path in _sources():
        method = "python" if path.suffix == ".py" else extract_template
        with path.open("rb") as file:
            for line, message, comments, context in extract(
                method, file, keywords=KEYWORDS, comment_tags=["Translators:"]
            ):
                template.add(
                    message,
                    locations=[(str(path.relative_to(PROJECT)), line)],
                    auto_comments=comments,
                    context=context,
                )
    return template


def extract_template(file: Any, keywords: Any, comment_tags: Any, options: Any) -> Iterator[Any]:
    """A Babel extractor for Django's templates."""
    from django.utils.translation.template import templatize

    code = templatize(file.read().decode())
    # What is not a text has become rows of X. Without indentation Python's tokenizer takes them.
    flat = "\n".join(line.strip() for line in code.splitlines())
    return extract_python(io.BytesIO(flat.encode()), keywords, comment_tags, options)


def _sources() -> Iterator[Path]:
    for room in sorted(PROJECT.iterdir()):
        if room.is_dir() and room.name not in LEFT_OUT and not room.name.startswith("."):
            patterns = ("*.html", "*.txt") if room.name == "templates" else ("*.py",)
            for pattern in patterns:
                yield from sorted(p for p in room.rglob(pattern) if "migrations" not in p.parts)


def _problems(wanted: Message, catalogue: Catalog) -> Iterator[str]:
    text = wanted.id if isinstance(wanted.id, str) else wanted.id[0]
    found = catalogue.get(wanted.id, wanted.context)
    if found is None:
        yield f"{text!r} is missing"
    elif found.fuzzy:
        yield f"{text!r} is marked fuzzy"
    elif not (all(found.string) if isinstance(found.string, tuple) else found.string):
        yield f"{text!r} is not translated"
    else:
        for error in found.check(catalogue):
            yield f"{text!r}: {error}"
        yield from _placeholder_problems(found)


def _placeholder_problems(found: Message) -> Iterator[str]:
    """A form for one or for none may leave the number out; no form may ask for what is not there,
    and the last one, for any number, says all that the English says."""
    ids = (found.id,) if isinstance(found.id, str) else tuple(found.id)
    forms = (found.string,) if isinstance(found.string, str) else tuple(found.string or ())
    known = {name for text in ids for name in PLACEHOLDER.findall(text)}
    for form in forms:
        names = set(PLACEHOLDER.findall(form))
        is_short = form is forms[-1] and not names >= set(PLACEHOLDER.findall(ids[-1]))
        if is_short or not names <= known:
            yield f"{ids[0]!r}: not the same placeholders in {form!r}"


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parent.parent.name, domain="django")


if __name__ == "__main__":
    sys.exit(main())
