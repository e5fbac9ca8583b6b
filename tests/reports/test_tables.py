"""The table of gaps: one set of cells, shown on the screen, on the page and in a notebook."""

import re

import numpy as np
import pytest

from braggfill import fill_gaps
from braggfill.reports.tables import gap_table, mask_table
from braggfill.reports.webpage import page

SHAPE = (6, 40, 50)


@pytest.fixture(scope="module")
def result():
    """A stripe 4 wide across rows, one 20 wide across columns, which no method sees across, and a hot pixel."""
    mask = np.zeros(SHAPE[1:], bool)
    mask[10:14], mask[:, 30:], mask[30, 5] = True, True, True
    return fill_gaps(np.random.default_rng(0).poisson(20.0, SHAPE), mask, method="linear")


def cells(table):
    return [list(row) for row in zip(*(column.cells for column in table.columns), strict=True)]


def test_the_cells_say_what_the_mask_consists_of_and_what_became_of_it(result):
    rows = {row[1] + row[2]: row for row in cells(gap_table(result.gaps, "linear"))}
    across_rows, across_columns = rows["cross armrows"], rows["cross armcolumns"]
    assert across_rows[3:6] == ["10–13", "4", f"{6 * 4 * 50:,}"]
    assert across_columns[3:6] == ["30–49", "20", f"{6 * 40 * 20:,}"]
    assert across_columns[6] == "left masked: too wide to see across"
    assert across_rows[6] == f"{6 * 4 * 30} filled (linear), the rest left masked"  # where they cross no axis sees an end
    assert rows["boxrows"][3:] == ["", "1", "6", "filled (linear)"]  # the pixel, in each frame
    assert sum(int(row[0]) for row in cells(gap_table(result.gaps, "linear"))) == 3


def test_screen_page_and_notebook_show_the_same_cells(result):
    expected = cells(gap_table(result.gaps, result.options.method))
    for shown in (page(result, "S1", "no self-test", {}), result._repr_html_()):
        rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", shown, re.S)]
        assert [row for row in rows if len(row) == len(expected[0])][-len(expected) :] == expected


def test_a_mask_s_table_tells_how_much_can_be_filled(result):
    table = mask_table(result.filled | result.mask)
    for row, filled in zip(cells(table), cells(gap_table(result.gaps, "linear")), strict=True):
        assert row[:6] == filled[:6]
    assert f"{100 * (result.filled | result.mask).mean():.2f} %" in str(table.caption)
