# SPDX-License-Identifier: Apache-2.0
"""Figures, and the table they are printed in."""

import dataclasses


@dataclasses.dataclass
class Figure:
    what: str
    value: float
    unit: str
    budget: float = None  # the value's
    peer: str = ""
    peers: float = None  # the same of the peer, in the same unit
    ratio_budget: float = None  # of value / peers

    def ratio(self):
        return self.value / self.peers if self.peers else None

    def over(self):
        ratio = self.ratio()
        return (self.budget is not None and self.value > self.budget
                or self.ratio_budget is not None and ratio is not None and ratio > self.ratio_budget)


def number(value):
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def row(figure):
    budget = ""
    if figure.budget is not None:
        budget = "<= " + number(figure.budget)
    elif figure.ratio_budget is not None:
        budget = f"<= {figure.ratio_budget:g} x"
    return (figure.what, f"{number(figure.value)} {figure.unit}", budget,
            f"{figure.peer}: {number(figure.peers)}" if figure.peers is not None else "",
            number(figure.ratio()), "over" if figure.over() else "")


HEAD = ("figure", "measured", "budget", "peer", "ratio", "")
WIDTHS = (56, 16, 10, 26, 6, 4)


def line(cells):
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS)).rstrip()
