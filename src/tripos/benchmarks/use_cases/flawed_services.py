"""The kinds of services that `security_scanner` examines: what they deal with, and harmless code of their own."""

from __future__ import annotations

from tripos.benchmarks.use_cases.flawed_project import Service

SERVICES: dict[str, Service] = {
    "parcels": Service(
        about="Parcel tracking",
        things=(("parcel", "parcels"), ("depot", "depots"), ("courier", "couriers"), ("receipt", "receipts"), ("route", "routes")),
        fields=("label", "sender", "town", "weight"),
        plain=(
            '''
def volume_litres(length_mm: int, width_mm: int, height_mm: int) -> float:
    """Volume of a parcel, for the loading plan."""
    return length_mm * width_mm * height_mm / 1_000_000
''',
            '''
def postage_cents(grams: int, abroad: bool) -> int:
    """What a parcel costs by weight."""
    steps = -(-grams // 500)
    return 390 + 85 * steps + (600 if abroad else 0)
''',
        ),
    ),
    "clinic": Service(
        about="Appointments of a clinic",
        things=(("visit", "visits"), ("doctor", "doctors"), ("ward", "wards"), ("finding", "findings"), ("referral", "referrals")),
        fields=("name", "reason", "room", "insurer"),
        plain=(
            '''
def overlaps(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Whether two visits, (start, end) in minutes, cannot be in one room."""
    return first[0] < second[1] and second[0] < first[1]
''',
            '''
def waiting_minutes(starts: list[int], arrivals: list[int]) -> float:
    """Mean time between arrival and start."""
    return sum(max(0, s - a) for s, a in zip(starts, arrivals)) / max(1, len(starts))
''',
        ),
    ),
    "library": Service(
        about="Lending library",
        things=(("book", "books"), ("reader", "readers"), ("loan", "loans"), ("shelf", "shelves"), ("reminder", "reminders")),
        fields=("title", "author", "subject", "branch"),
        plain=(
            '''
def fine_cents(days_late: int) -> int:
    """Ten cents a day after three days of grace, at most twelve euros."""
    return min(1200, max(0, days_late - 3) * 10)
''',
            '''
def shelf_mark(author: str, year: int) -> str:
    """Where a book stands."""
    return f"{author[:3].upper()} {year % 100:02d}"
''',
        ),
    ),
    "tickets": Service(
        about="Ticket office of a theatre",
        things=(("ticket", "tickets"), ("seat", "seats"), ("show", "shows"), ("booking", "bookings"), ("voucher", "vouchers")),
        fields=("title", "row", "holder", "category"),
        plain=(
            '''
def best_seats(free: list[int], wanted: int) -> list[int]:
    """The first run of neighbouring seats that is long enough."""
    for start in free:
        run = list(range(start, start + wanted))
        if all(seat in free for seat in run):
            return run
    return free[:wanted]
''',
            '''
def price_cents(base: int, rows_from_stage: int) -> int:
    """Seats further back are cheaper, down to half the price."""
    return max(base // 2, base - 75 * rows_from_stage)
''',
        ),
    ),
    "energy": Service(
        about="Meter readings of an energy supplier",
        things=(("meter", "meters"), ("reading", "readings"), ("tariff", "tariffs"), ("household", "households"), ("outage", "outages")),
        fields=("street", "serial", "phase", "owner"),
        plain=(
            '''
def used_kwh(readings: list[float]) -> float:
    """Energy between the first and the last reading; a meter that was reset starts again at zero."""
    return sum(max(0.0, b - a) for a, b in zip(readings, readings[1:]))
''',
            '''
def peak_hour(by_hour: dict[int, float]) -> int:
    """The hour with the highest load, the earliest of several."""
    return min(by_hour, key=lambda hour: (-by_hour[hour], hour))
''',
        ),
    ),
    "recruiting": Service(
        about="Job board",
        things=(
            ("vacancy", "vacancies"),
            ("applicant", "applicants"),
            ("interview", "interviews"),
            ("offer", "offers"),
            ("skill", "skills"),
        ),
        fields=("position", "city", "language", "grade"),
        plain=(
            '''
def match_share(wanted: set[str], known: set[str]) -> float:
    """Share of the wanted skills that an applicant has."""
    return len(wanted & known) / len(wanted) if wanted else 1.0
''',
            '''
def salary_band(grade: int) -> tuple[int, int]:
    """Lowest and highest yearly pay of a grade."""
    low = 32_000 + 4_500 * grade
    return low, low * 13 // 10
''',
        ),
    ),
    "kitchen": Service(
        about="Orders of a canteen kitchen",
        things=(("order", "orders"), ("dish", "dishes"), ("table", "tables"), ("supplier", "suppliers"), ("menu", "menus")),
        fields=("dish_name", "guest", "allergen", "station"),
        plain=(
            '''
def cooking_order(minutes: dict[str, int]) -> list[str]:
    """Dishes that take longest are begun first."""
    return sorted(minutes, key=lambda dish: (-minutes[dish], dish))
''',
            '''
def portions(grams: int, per_portion: int) -> int:
    """How many portions a batch gives."""
    return grams // per_portion
''',
        ),
    ),
}
