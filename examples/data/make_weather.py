"""Writes weather.csv: hourly readings of six invented stations, the same bytes on every run.

Only arithmetic on integers decides what is written (no floating point functions that differ between platforms), so that
the file can be checked: `python examples/data/make_weather.py` must leave it unchanged.
"""

from datetime import datetime, timedelta, timezone
from pathlib import Path

STATIONS = [
    # id, name, altitude m, mean temperature in tenths, yearly swing, daily swing, dry hours of 1000
    ("HBR", "Harbour", 4, 96, 74, 21, 872),
    ("OLD", "Old Town", 61, 101, 88, 34, 885),
    ("AIR", "Airfield", 118, 88, 93, 47, 880),
    ("MIL", "Mill Valley", 240, 79, 97, 58, 851),
    ("RDG", "North Ridge", 912, 41, 85, 30, 803),
    ("OBS", "Observatory", 1684, 2, 79, 26, 778),
]
# A sine wave in 24 steps, in thousandths.
WAVE = [0, 259, 500, 707, 866, 966, 1000, 966, 866, 707, 500, 259]
WAVE += [-value for value in WAVE]
START = datetime(2025, 1, 1, tzinfo=timezone.utc)
STEP_HOURS = 13  # not a divisor of 24, so that every hour of the day occurs
READINGS = 674  # a year


def noise(*keys: int) -> int:
    """A number below 2**32 that looks random."""
    state = 2166136261
    for key in keys:
        for shift in (0, 8, 16, 24):
            state = ((state ^ (key >> shift & 255)) * 16777619) & 0xFFFFFFFF
    state ^= state >> 15
    state = state * 2246822519 & 0xFFFFFFFF
    return state ^ state >> 13


def wave(position: int, period: int) -> int:
    return WAVE[position * 24 // period % 24]


def tenths(value: int) -> str:
    return f"{'-' if value < 0 else ''}{abs(value) // 10}.{abs(value) % 10}"


def rows():
    for step in range(READINGS):
        moment = START + timedelta(hours=step * STEP_HOURS)
        hours = step * STEP_HOURS
        # A front passes every few days, seen by all stations.
        front = noise(hours // 96, 1) % 81 - 40
        for number, (identifier, _, altitude, mean, yearly, daily, dry) in enumerate(STATIONS):
            temperature = mean + yearly * wave(hours + 6070, 8760) // 1000 + daily * wave(hours % 24 + 15, 24) // 1000
            temperature += front + noise(step, number, 2) % 25 - 12
            wet = noise(hours // 24, 3) % 1000 > dry - (front < -15) * 120 or noise(step, number, 4) % 1000 > dry + 60
            rain = noise(step, number, 5) % 62 + 1 if wet else 0
            pressure = 10132 - altitude * 118 // 100 + noise(hours // 60, 6) % 300 - 150 + noise(step, number, 7) % 12
            wind = 12 + altitude // 60 + noise(step, number, 8) % 60 + abs(front) // 3
            remark = ""
            oddity = noise(step, number, 9) % 1000
            if rain and temperature <= 5:
                remark = f"snow depth {rain * 3 // 10 + 1} cm"
            elif wind > 70 + altitude // 60:
                remark = f"gust {wind * 16 // 10 // 10} m/s"
            elif oddity == 7:
                remark = "sensor replaced"
            # Sensors fail now and then: those fields are empty.
            shown = "" if oddity in (1, 2, 3) else tenths(temperature)
            yield [identifier, moment.strftime("%Y-%m-%dT%H:%MZ"), shown, tenths(rain), tenths(pressure), tenths(wind), remark]


def main() -> None:
    lines = ["station,time,temperature_c,rain_mm,pressure_hpa,wind_m_s,remark"]
    lines += [",".join(row) for row in rows()]
    text = "\n".join(lines) + "\n"
    Path(__file__).with_name("weather.csv").write_bytes(text.encode())
    stations = ["id,name,altitude_m"] + [f"{identifier},{name},{altitude}" for identifier, name, altitude, *_ in STATIONS]
    Path(__file__).with_name("stations.csv").write_bytes(("\n".join(stations) + "\n").encode())


if __name__ == "__main__":
    main()
