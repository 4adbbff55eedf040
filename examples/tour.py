"""A tour of Python in WebAssembly: a year of weather readings, from a CSV file to a report.

It parses, cleans, stores, queries, compresses, signs and formats, with what comes with Python and with what the JavaScript
around it offers. The output is the same everywhere: nothing in it depends on the clock, the machine or the locale.

    cargo xtask run examples/tour.py        in Node
    dist/python examples/tour.py            the same by hand
    python3 examples/tour.py                in a native Python too, without the part that needs JavaScript
"""

import bz2
import csv
import ctypes
import datetime
import hashlib
import json
import lzma
import re
import sqlite3
import statistics
import struct
import sys
import textwrap
import zlib
from collections import Counter, defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

try:
    import js
    from pyodide.code import run_js
    from pyodide.ffi import JsException, to_js
except ImportError:
    js = None

DATA = Path(__file__).resolve().parent / "data"
WIDTH = 86


def heading(number: int, title: str, modules: str) -> None:
    print()
    print(f" {number}. {title} ".ljust(WIDTH - len(modules) - 2, "─") + f" {modules}")


def table(columns: list[str], rows: list[tuple]) -> None:
    """Prints rows under their columns; text to the left, all else to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(column), *(len(row[i]) for row in cells)) for i, column in enumerate(columns)]
    is_text = [isinstance(rows[0][i], str) and not re.fullmatch(r"[-+]?[\d. ,]+%?", rows[0][i]) for i in range(len(columns))]

    def line(values: list[str]) -> str:
        return "   " + "  ".join(v.ljust(w) if t else v.rjust(w) for v, w, t in zip(values, widths, is_text)).rstrip()

    print(line(columns))
    print("   " + "  ".join("─" * w for w in widths))
    for row in cells:
        print(line(row))


def bar(value: float, per_block: float) -> str:
    eighths = round(value / per_block * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


# ---- csv, datetime, decimal, re ---------------------------------------------------------------------------------------

REMARK = re.compile(r"(?P<kind>snow depth|gust) (?P<number>\d+) (?P<unit>cm|m/s)")


def read_stations() -> dict[str, tuple[str, int]]:
    with open(DATA / "stations.csv", newline="", encoding="utf-8") as file:
        return {row["id"]: (row["name"], int(row["altitude_m"])) for row in csv.DictReader(file)}


def read_weather():
    """The readings, and how many had no temperature."""
    readings, gaps = [], Counter()
    with open(DATA / "weather.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if not row["temperature_c"]:
                gaps[row["station"]] += 1
                continue
            remark = REMARK.fullmatch(row["remark"])
            readings.append(
                (
                    row["station"],
                    datetime.datetime.strptime(row["time"], "%Y-%m-%dT%H:%MZ").replace(tzinfo=datetime.timezone.utc),
                    Decimal(row["temperature_c"]),
                    Decimal(row["rain_mm"]),
                    Decimal(row["pressure_hpa"]),
                    Decimal(row["wind_m_s"]),
                    remark["kind"] if remark else None,
                    int(remark["number"]) if remark else None,
                )
            )
    return readings, gaps


def show_input(readings, gaps, stations) -> None:
    heading(1, "Read and clean", "csv datetime decimal re")
    first, last = min(r[1] for r in readings), max(r[1] for r in readings)
    size = (DATA / "weather.csv").stat().st_size
    remarks = Counter(r[6] for r in readings if r[6])
    print(f"   {size:,} bytes, {len(readings):,} readings of {len(stations)} stations, {sum(gaps.values())} without a temperature left out")
    print(f"   {first:%A %d %B %Y, %H:%M} to {last:%A %d %B %Y, %H:%M} UTC ({(last - first).days} days)")
    print(f"   remarks: {remarks['snow depth']} of snow (up to {max(r[7] for r in readings if r[6] == 'snow depth')} cm), ", end="")
    print(f"{remarks['gust']} of gusts (up to {max(r[7] for r in readings if r[6] == 'gust')} m/s)")
    rain = sum((r[3] for r in readings), Decimal(0))
    water = (rain / len(stations)).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    print(f"   all rain together: exactly {rain} mm, {water} mm per station")


# ---- sqlite3 ----------------------------------------------------------------------------------------------------------


class Spread:
    """An aggregate for SQL: largest minus smallest."""

    def __init__(self):
        self.values = []

    def step(self, value):
        self.values.append(value)

    def finalize(self):
        return round(max(self.values) - min(self.values), 1)


def fill_database(readings, stations) -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.create_aggregate("spread", 1, Spread)
    database.execute("CREATE TABLE station (id TEXT PRIMARY KEY, name TEXT, altitude INTEGER)")
    database.execute("CREATE TABLE reading (station TEXT REFERENCES station, time TEXT, temperature REAL, rain REAL, pressure REAL, wind REAL)")
    with database:
        database.executemany("INSERT INTO station VALUES (?, ?, ?)", [(key, *value) for key, value in stations.items()])
        rows = [(r[0], r[1].isoformat(), *map(float, r[2:6])) for r in readings]
        database.executemany("INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?)", rows)
    return database


def show_stations(database) -> None:
    heading(2, "Query", "sqlite3")
    rows = database.execute(
        """
        SELECT name, altitude, printf('%.1f', avg(temperature)), min(temperature), max(temperature), spread(temperature),
               printf('%.1f', sum(rain)), printf('%.0f%%', 100.0 * avg(rain > 0)), max(wind)
        FROM reading JOIN station ON station.id = reading.station
        GROUP BY station.id ORDER BY altitude
        """
    ).fetchall()
    table(["station", "m", "mean °C", "min", "max", "spread", "rain mm", "wet", "wind m/s"], rows)
    coldest = database.execute(
        """
        SELECT name, time, temperature FROM (
            SELECT station, time, temperature, rank() OVER (PARTITION BY station ORDER BY temperature, time) AS place FROM reading
        ) JOIN station ON station.id = station WHERE place = 1 ORDER BY temperature LIMIT 2
        """
    ).fetchall()
    for name, time, temperature in coldest:
        moment = datetime.datetime.fromisoformat(time)
        print(f"   coldest at {name}: {temperature} °C on {moment:%d %B at %H:%M}")


# ---- statistics ---------------------------------------------------------------------------------------------------------


def show_statistics(readings, stations) -> None:
    heading(3, "Understand", "statistics collections")
    months = defaultdict(list)
    for _, time, temperature, *_ in readings:
        months[time.month].append(float(temperature))
    for month in range(1, 13):
        mean = statistics.fmean(months[month])
        low, _, high = statistics.quantiles(months[month], n=4)
        name = datetime.date(2025, month, 1).strftime("%b")
        print(f"   {name} {mean:5.1f} °C {bar(mean + 6, 0.75):<32} half of all between {low:5.1f} and {high:4.1f}")
    means = defaultdict(list)
    for station, _, temperature, *_ in readings:
        means[station].append(float(temperature))
    altitudes = [float(stations[key][1]) for key in stations]
    averages = [statistics.fmean(means[key]) for key in stations]
    slope, intercept = statistics.linear_regression(altitudes, averages)
    correlation = statistics.correlation(altitudes, averages)
    print(f"   {slope * 100:+.2f} °C per 100 m of altitude, {intercept:.1f} °C at the sea (correlation {correlation:.3f})")


# ---- json, zlib, bz2, lzma, hashlib, struct, ctypes ------------------------------------------------------------------


def show_archives(readings) -> bytes:
    heading(4, "Pack and sign", "json zlib bz2 lzma hashlib")
    document = json.dumps(
        [[r[0], r[1].strftime("%Y%m%d%H%M"), str(r[2]), str(r[3])] for r in readings], separators=(",", ":"), ensure_ascii=True
    ).encode()
    rows = [("json", len(document), "100 %", "")]
    for name, compress, decompress in (
        ("zlib", lambda data: zlib.compress(data, 9), zlib.decompress),
        ("bz2", bz2.compress, bz2.decompress),
        ("xz", lambda data: lzma.compress(data, preset=6), lzma.decompress),
    ):
        packed = compress(document)
        assert decompress(packed) == document, name
        # Versions of the libraries differ by a few bytes: the report rounds.
        rows.append((name, round(len(packed), -3), f"{100 * len(packed) / len(document):.0f} %", "unpacks to the same bytes"))
    table(["format", "bytes", "size", ""], rows)
    for name in ("md5", "sha256", "sha3_256", "blake2s"):
        print(f"   {name:<9} {hashlib.new(name, document).hexdigest()[:64]}")
    print(f"   crc32     {zlib.crc32(document):08x}, adler32 {zlib.adler32(document):08x}")
    return document


class Summary(ctypes.LittleEndianStructure):
    """What a small display at a station gets by radio: 12 bytes."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [
        ("station", ctypes.c_char * 3),
        ("flags", ctypes.c_uint8),
        ("temperature_tenths", ctypes.c_int16),
        ("rain_tenths", ctypes.c_uint16),
        ("readings", ctypes.c_uint32),
    ]


def show_memory(readings) -> None:
    heading(5, "Down to the bytes", "ctypes struct")
    last = {r[0]: r for r in readings}
    total = Counter(r[0] for r in readings)
    records = (Summary * len(last))()
    for record, (key, reading) in zip(records, last.items()):
        record.station = key.encode()
        record.flags = 1 if reading[6] else 0
        record.temperature_tenths = int(reading[2] * 10)
        record.rain_tenths = int(reading[3] * 10)
        record.readings = total[key]
    print(f"   {len(records)} records of {ctypes.sizeof(Summary)} bytes:")
    for key, record in zip(last, records):
        raw = bytes(record)
        assert struct.unpack("<3sBhHI", raw)[2] == record.temperature_tenths
        print(f"   {raw.hex(' ')}  {key} {record.temperature_tenths / 10:5.1f} °C {record.rain_tenths / 10:4.1f} mm {record.readings} readings")
    compare_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Summary), ctypes.POINTER(Summary))
    compare = compare_type(lambda a, b: a[0].temperature_tenths - b[0].temperature_tenths)
    c_library = ctypes.CDLL(None)
    c_library.qsort(records, ctypes.c_size_t(len(records)), ctypes.c_size_t(ctypes.sizeof(Summary)), compare)
    print(f"   sorted by qsort of the C library with a Python function: {' '.join(record.station.decode() for record in records)}")


# ---- JavaScript --------------------------------------------------------------------------------------------------------


def show_javascript(readings) -> None:
    heading(6, "Call JavaScript", "js pyodide.ffi")
    if js is None:
        print("   (this Python runs without JavaScript around it)")
        return
    rain = sum((r[3] for r in readings), Decimal(0))
    for locale in ("en", "de", "fr"):
        formatted = js.Intl.NumberFormat.new(locale, minimumFractionDigits=2).format(float(rain))
        plain = re.sub(r"\s", " ", formatted)  # engines disagree on which narrow space they use
        print(f"   rain in {locale:<6}{plain:>9} mm")
    when = js.Date.UTC(2025, 5, 21, 12)
    iso = js.Date.new(when).toISOString()
    print(f"   midsummer   {iso}, in Python {datetime.datetime.fromisoformat(iso):%d %B %Y %H:%M}")
    highest = sorted(readings, key=lambda r: r[2])[-3:]
    options = to_js([{"station": r[0], "temperature": float(r[2])} for r in highest], dict_converter=js.Object.fromEntries)
    print(f"   hottest     {js.JSON.stringify(options)}")
    mean = run_js("(values) => values.reduce((sum, value) => sum + value, 0) / values.length")
    values = [float(r[2]) for r in readings]
    print(f"   the mean of {len(values):,} temperatures in JavaScript: {mean(to_js(values)):.6f}, in Python: {statistics.fmean(values):.6f}")
    doubled = run_js("(list, f) => Array.from(list, (x) => f(x)).join(' ')")
    print(f"   JavaScript calling Python for each element: {doubled(to_js([1, 2, 3]), lambda x: x * 2.5)}")
    print(f"   a BigInt goes there and comes back: {run_js('(x) => x * x')(2**61)}")
    print(f"   UTF-16 and back: {run_js('(s) => [...s].reverse().join(String())')('north ridge ❄ ☔ 🌡')}")
    try:
        js.JSON.parse("{not json}")
    except JsException as error:
        print(f"   an error of JavaScript, caught in Python: {error.name}")
    assert js.undefined is None


def main() -> None:
    print("Weather of a year ".ljust(WIDTH, "═"))
    print(textwrap.fill("Six invented stations between the harbour and the observatory. Everything below is computed by Python in WebAssembly.", WIDTH))
    stations = read_stations()
    readings, gaps = read_weather()
    show_input(readings, gaps, stations)
    with fill_database(readings, stations) as database:
        show_stations(database)
    database.close()
    show_statistics(readings, stations)
    show_archives(readings)
    show_memory(readings)
    show_javascript(readings)
    print()
    print("═" * WIDTH)


if __name__ == "__main__":
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")
    main()
