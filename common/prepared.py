"""Queries of one shape that are asked at every turn: put together once, then only filled in.

Django builds the SQL of a queryset anew each time it is asked. For a wide row with its relations
that costs several times what the database takes to answer. A ``Prepared`` query is built at its
first use and kept, by PostgreSQL too (as a prepared statement); what it returns are the model
instances the queryset would have returned.

For the few queries on the hottest paths; everywhere else a queryset is plainer.
See docs/decisions/0006.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import connection, models
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorWrapper
from django.db.models.expressions import Value

M = TypeVar("M", bound=models.Model)

# A connection that asks a query so often has it prepared at the next.
USES_BEFORE_IT_IS_KEPT = 2


class _Blank(Value):
    """Stands in the queryset where a value will be."""

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]


@dataclass(frozen=True)
class _Part:
    """Which columns of a row are an instance of which model, and what belongs to that."""

    model: type[models.Model]
    columns: slice
    attributes: Sequence[str]
    key: int
    relations: Sequence[tuple[_Part, Callable[..., None], Callable[..., None]]]

    def read(self, row: Sequence[Any]) -> Any:
        values = row[self.columns]
        if values[self.key] is None:
            return None
        instance = self.model.from_db(connection.alias, self.attributes, values)
        for part, put_here, put_there in self.relations:
            related = part.read(row)
            put_here(instance, related)
            if related is not None:
                put_there(related, instance)
        return instance


@dataclass(frozen=True)
class _Statement:
    """What was found out once about the SQL, and about what its columns are."""

    sql: str
    parameters: Sequence[Any]
    part: _Part
    annotations: Sequence[tuple[str, int]]
    converters: Sequence[tuple[int, Sequence[Callable[..., Any]], Any]]

    def read(self, row: Sequence[Any]) -> Any:
        if self.converters:
            row = list(row)
            for position, steps, expression in self.converters:
                for convert in steps:
                    row[position] = convert(row[position], expression, connection)
        instance = self.part.read(row)
        for name, position in self.annotations:
            setattr(instance, name, row[position])
        return instance


class Prepared(Generic[M]):
    """The queryset that ``build`` makes, whose parameters are filled in at each call.

    ``build`` may only hand its parameters on to filters, as it is called once, with blanks in
    their place. Values are given by name, as the database takes them: a key and not an instance.
    Prefetching is not done.
    """

    def __init__(self, build: Callable[..., models.QuerySet[M]]) -> None:
        self.build = build
        self._made: _Statement | None = None

    def all(self, **values: Any) -> list[M]:
        statement = self._made
        if statement is None:
            statement = self._made = _make(self.build)
        filled = [
            values[part.value] if isinstance(part, _Blank) else part
            for part in statement.parameters
        ]
        with prepared_cursor() as cursor:
            cursor.execute(statement.sql, filled)
            rows = cursor.fetchall()
        return [statement.read(row) for row in rows]

    def first(self, **values: Any) -> M | None:
        """The first, or nothing. ``build`` puts them in order, and leaves the others out."""
        found = self.all(**values)
        return found[0] if found else None


def _make(build: Callable[..., models.QuerySet[M]]) -> _Statement:
    names = inspect.signature(build).parameters
    queryset = build(**{name: _Blank(name) for name in names})
    compiler = queryset.query.get_compiler(using=queryset.db)
    sql, parameters = compiler.as_sql()
    expressions = [expression for expression, _sql, _alias in compiler.select]
    converters = compiler.get_converters(expressions)
    return _Statement(
        sql=sql,
        parameters=parameters,
        part=_part(compiler.klass_info, expressions),
        annotations=list((compiler.annotation_col_map or {}).items()),
        converters=[(at, steps, expression) for at, (steps, expression) in converters.items()],
    )


def _part(info: Any, expressions: Sequence[Any]) -> _Part:
    """From what Django's compiler found out about one model of the query (its klass_info)."""
    chosen = info["select_fields"]
    columns = slice(chosen[0], chosen[-1] + 1)
    attributes = [expression.target.attname for expression in expressions[columns]]
    model: type[models.Model] = info["model"]
    return _Part(
        model=model,
        columns=columns,
        attributes=attributes,
        key=attributes.index(model._meta.pk.attname),
        relations=[
            (_part(related, expressions), related["local_setter"], related["remote_setter"])
            for related in info.get("related_klass_infos", [])
        ],
    )


@contextmanager
def prepared_cursor() -> Iterator[CursorWrapper]:
    """A cursor that sends values apart from the SQL, which PostgreSQL then plans once.

    Django's ordinary cursors write the values into the SQL. Nothing of theirs is counted or kept:
    their last hundred texts would be, with what they say of people, if the threshold stood always.
    """
    connection.ensure_connection()
    link = connection.connection
    ordinary, link.cursor_factory = link.cursor_factory, ServerBindingCursor
    try:
        cursor = connection.cursor()
    finally:
        link.cursor_factory = ordinary
    with cursor:
        link.prepare_threshold = USES_BEFORE_IT_IS_KEPT
        try:
            yield cursor
        finally:
            link.prepare_threshold = None
