"""`.ts` files, the format of the UEA and UCR archive of time series."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnnkit.data.textfile import read_lines
from rnnkit.errors import DataError

__all__ = ["LabeledSeries", "read_ts"]


@dataclass(frozen=True)
class LabeledSeries:
    """Series (steps, dimensions), NaN where a value is missing, and what each of them is.

    labels: strings, or numbers where the file says @targetLabel; empty where it has none.
    lines: the line of the file (from 1) of each.
    """

    series: list[np.ndarray]
    labels: list[str] | list[float]
    lines: list[int]
    path: Path

    def __len__(self) -> int:
        return len(self.series)


def read_ts(path: str | Path) -> LabeledSeries:
    r"""Read a .ts file, gzipped or not: a series a line, dimensions apart by ':', values by ','.

    A '?' is a missing value. Series may be of unequal length; the dimensions of one may not, and
    time stamps are not read. Raises DataError with the line.
    Source: Bagnall et al. 2018, "The UEA multivariate time series classification archive".

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "tiny.ts")
    ...     _ = path.write_text("@classLabel true up down\n@data\n1,2,?:5,6,7:up\n")
    ...     found = read_ts(path)
    >>> found.series[0].tolist(), found.labels
    ([[1.0, 5.0], [2.0, 6.0], [nan, 7.0]], ['up'])
    """
    path = Path(path)
    header: dict[str, list[str]] = {}
    rows: list[tuple[int, str]] = []
    for number, line in enumerate(read_lines(path), start=1):
        text = line.strip()
        if not text or text.startswith(("#", "%")):
            continue
        if "data" in header:
            rows.append((number, text))
        elif text.startswith("@"):
            name, *values = text[1:].split()
            header[name.lower()] = values
        else:
            raise DataError("a line with @ was expected before @data.", path=path, line=number)
    if not rows:
        raise DataError("there is no series: no line follows @data.", path=path)
    return _labeled(header, rows, path)


def _labeled(
    header: dict[str, list[str]], rows: list[tuple[int, str]], path: Path
) -> LabeledSeries:
    if _says(header, "timestamps"):
        raise DataError("it has time stamps (@timeStamps true), which are not read.", path=path)
    numeric = _says(header, "targetlabel")
    labeled = numeric or _says(header, "classlabel")
    width = int(header["dimensions"][0]) if "dimensions" in header else None
    series, labels = [], list[str]()
    for line, text in rows:
        fields = text.split(":")
        if labeled:
            labels.append(fields.pop().strip())
        width = width or len(fields)
        if len(fields) != width:
            wanted = f"{width} dimensions{' and a label' if labeled else ''}"
            raise DataError(f"{wanted} were expected, but not found.", path=path, line=line)
        series.append(_values(fields, path, line))
        if _says(header, "classlabel") and labels[-1] not in header["classlabel"][1:]:
            raise DataError(
                f"the label {labels[-1]!r} is not among those of @classLabel.", path=path, line=line
            )
    numbers = [line for line, _ in rows]
    if not numeric:
        return LabeledSeries(series, labels, numbers, path)
    targets = [_number(label, path, line) for label, line in zip(labels, numbers, strict=True)]
    return LabeledSeries(series, targets, numbers, path)


def _says(header: dict[str, list[str]], name: str) -> bool:
    return header.get(name, ["false"])[0].lower() == "true"


def _values(fields: list[str], path: Path, line: int) -> np.ndarray:
    """(steps, dimensions)."""
    columns = [[_number(value, path, line) for value in one.split(",")] for one in fields]
    lengths = sorted({len(column) for column in columns})
    if len(lengths) > 1:
        raise DataError(
            f"the dimensions of one series have {lengths[0]} to {lengths[-1]} steps, but must "
            f"agree.",
            path=path,
            line=line,
        )
    return np.array(columns).T


def _number(text: str, path: Path, line: int) -> float:
    try:
        return float("nan") if text.strip() == "?" else float(text)
    except ValueError:
        raise DataError(
            f"a number or '?' was expected, but this is {text.strip()!r:.40}.", path=path, line=line
        ) from None
