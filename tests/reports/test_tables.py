from reports.domain.chart import bar_chart, nice_ceiling
from reports.domain.disclosure import Figure
from reports.domain.tables import CATALOGUE, PUBLIC_COUNTS, Measure, protected_tables

MANY = Figure(people=30, amount=42, largest=3, population=90)
FEW = Figure(people=3, amount=9, largest=5, population=90)


def measures(**changed: Measure) -> dict[str, Measure]:
    names = {name for table in CATALOGUE.values() for name in table} - PUBLIC_COUNTS
    whole = Figure(people=60, amount=84, largest=3, population=180)
    return {name: Measure({"a": MANY, "b": MANY}, whole) for name in names} | changed


def cell(tables: list[dict], key: str, row: str, measure: str) -> int | None:
    table = next(table for table in tables if table["key"] == key)
    cells = next(line["cells"] for line in table["rows"] if line["row"] == row)
    return cells[table["measures"].index(measure)]


def total(tables: list[dict], key: str, measure: str) -> int | None:
    table = next(table for table in tables if table["key"] == key)
    return table["total"][table["measures"].index(measure)]


def test_every_measure_of_the_catalogue_is_in_the_tables() -> None:
    tables = protected_tables(["a", "b"], measures(), {"events_held": {"a": 3, "b": 4}})
    assert [table["key"] for table in tables] == ["events", "ambassadors", "sessions"]
    assert cell(tables, "sessions", "a", "units_used") == 40
    assert total(tables, "sessions", "units_used") == 85


def test_how_many_events_were_held_is_exact_as_they_were_public() -> None:
    tables = protected_tables(["a", "b"], measures(), {"events_held": {"a": 3, "b": 4}})
    assert cell(tables, "events", "a", "events_held") == 3
    assert total(tables, "events", "events_held") == 7


def test_a_small_cell_and_its_total_are_withheld_and_its_neighbours_are_not() -> None:
    small = measures(units_used=Measure({"a": MANY, "b": FEW}, MANY))
    tables = protected_tables(["a", "b"], small, {"events_held": {}})
    assert cell(tables, "sessions", "b", "units_used") is None
    assert total(tables, "sessions", "units_used") is None
    assert cell(tables, "sessions", "a", "units_used") == 40
    assert total(tables, "sessions", "units_booked") == 85


def test_a_programme_without_anybody_is_withheld_like_one_with_few() -> None:
    tables = protected_tables(["a", "b", "new"], measures(), {"events_held": {}})
    assert cell(tables, "ambassadors", "new", "people_enrolled") is None


def test_bars_stand_on_the_baseline_and_withheld_ones_have_one_height() -> None:
    chart = bar_chart([("Q1", 40), ("Q2", None), ("Q3", 80)])
    assert all(abs(bar.y + bar.height - chart.baseline) < 0.2 for bar in chart.bars)
    assert chart.bars[2].height == 2 * chart.bars[0].height
    assert chart.bars[1].height == 14


def test_the_axis_ends_on_a_round_number() -> None:
    assert [nice_ceiling(value) for value in (1, 4, 5, 9, 21, 85, 230)] == [
        4,
        4,
        8,
        20,
        40,
        200,
        400,
    ]
