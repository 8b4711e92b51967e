"""Writes places, people and goods of the demo plant."""

import random
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.hashers import make_password

from core import clock, keys
from plant_app import models
from plant_app.demo import cast, goods, places


@dataclass
class Plant:
    """Rows by code while the demo is written."""

    now: datetime
    dice: random.Random
    sites: dict[str, models.Site] = field(default_factory=dict)
    areas: dict[str, models.Area] = field(default_factory=dict)
    centres: dict[str, models.WorkCentre] = field(default_factory=dict)
    units: dict[str, models.WorkUnit] = field(default_factory=dict)
    units_of: dict[str, list[str]] = field(default_factory=dict)
    shifts: dict[tuple[str, str], models.Shift] = field(default_factory=dict)
    functions: dict[str, models.Function] = field(default_factory=dict)
    skills: dict[str, models.Skill] = field(default_factory=dict)
    people: dict[str, models.User] = field(default_factory=dict)
    items: dict[str, models.Item] = field(default_factory=dict)
    families: dict[str, goods.Family] = field(default_factory=dict)
    bom: dict[str, list[tuple[str, Decimal]]] = field(default_factory=dict)
    locations: dict[str, models.StockLocation] = field(default_factory=dict)
    customers: dict[str, models.Customer] = field(default_factory=dict)
    suppliers: dict[str, models.Supplier] = field(default_factory=dict)


def username(name: str) -> str:
    """`Tomás Ruiz` logs in as `tomas.ruiz`."""
    plain = unicodedata.normalize("NFKD", name.replace("ł", "l").replace("ø", "o").replace("ß", "ss"))
    return plain.encode("ascii", "ignore").decode().lower().replace(" ", ".")


def write_places(plant: Plant) -> None:
    """Enterprise, sites, areas, work centres, units, shifts, locations, devices."""
    enterprise = models.Enterprise.objects.create(code=places.ENTERPRISE[0], name=places.ENTERPRISE[1])
    for code, name, zone, currency, language in places.SITES:
        plant.sites[code] = models.Site.objects.create(
            enterprise=enterprise, code=code, name=name, timezone=zone, currency=currency, language=language,
            anonymous_reports=code in places.ANONYMOUS,
        )  # fmt: skip
    for position, (site, code, name) in enumerate(places.AREAS):
        plant.areas[code] = models.Area.objects.create(
            site=plant.sites[site], code=code, name=name, position=position
        )
    units: list[models.WorkUnit] = []
    for position, row in enumerate(places.CENTRES):
        area, code, name, cost, crew, prefix, first, count, digits, words, bottleneck = row
        centre = models.WorkCentre.objects.create(
            area=plant.areas[area],
            code=code,
            name=name,
            cost_per_hour=Decimal(cost),
            crew=crew,
            position=position,
        )
        plant.centres[code] = centre
        codes = [(number, f"{prefix}{number:0{digits}d}") for number in range(first, first + count)]
        plant.units_of[code] = [unit_code for _number, unit_code in codes]
        units += [
            models.WorkUnit(
                work_centre=centre, code=unit_code, name=f"{name} {number}", position=len(units) + number - first,
                aliases=[f"{word} {number}" for word in words], is_bottleneck=bottleneck,
            )
            for number, unit_code in codes
        ]  # fmt: skip
    plant.units = {unit.code: unit for unit in models.WorkUnit.objects.bulk_create(units)}
    for position, (site, code, name, start, end, weekdays, office) in enumerate(places.SHIFTS):
        plant.shifts[site, code] = models.Shift.objects.create(
            site=plant.sites[site], code=code, name=name, start=start, end=end, weekdays=list(weekdays), office=office,
            position=position,
        )  # fmt: skip
    for code, site, name, kind in places.LOCATIONS:
        plant.locations[code] = models.StockLocation.objects.create(
            site=plant.sites[site], code=code, name=name, kind=kind
        )
    models.Device.objects.bulk_create(
        models.Device(
            site=plant.sites[site], area=plant.areas[area], work_centre=plant.centres[centre] if centre else None,
            name=name, digest=keys.digest(keys.new_token()),
        )
        for site, area, centre, name in places.DEVICES
    )  # fmt: skip


def write_people(plant: Plant) -> None:
    """Cast and crews with their duties, access, teams, skills, badges and absences."""
    plant.functions = {row.code: row for row in models.Function.objects.all()}
    plant.skills = {code: models.Skill.objects.create(code=code, name=name) for code, name in cast.SKILLS}
    users: list[models.User] = []
    duties: list[models.DutyAssignment] = []
    grants: list[models.AccessGrant] = []

    def person(name: str, site: str, function: str, access: str) -> models.User:
        login = username(name)
        user = models.User(
            username=login, display_name=name, first_name=name.split()[0], last_name=name.split()[-1],
            email=f"{login}@kolbe.example", home_site=plant.sites[site], function=plant.functions.get(function),
            password=make_password(None), date_joined=clock.now(),
        )  # fmt: skip
        users.append(user)
        sites = tuple(plant.sites) if login in cast.BOTH_SITES else (site,)
        grants.extend(models.AccessGrant(user=user, site=plant.sites[code], role=access) for code in sites)
        return user

    def assign(
        user: models.User, site: str, function: str, duty: str, *, area: str = "", shift: str = "",
        on_call: bool = False, position: int = 0,
    ) -> None:  # fmt: skip
        duties.append(
            models.DutyAssignment(
                person=user, duty=duty, function=plant.functions[function], site=plant.sites[site],
                area=plant.areas[area] if area else None, shift=plant.shifts[site, shift] if shift else None,
                on_call=on_call, position=position,
            )
        )  # fmt: skip

    for role in cast.CAST:
        user = person(role.name, role.site, role.function, role.access)
        if role.access == models.AccessRole.ADMINISTRATOR:
            user.is_staff = user.is_superuser = True
        if role.duty:
            assign(user, role.site, role.function, role.duty, area=role.area)
    names = {
        site: [f"{first} {last}" for last in cast.LAST_NAMES[site] for first in cast.FIRST_NAMES[site]]
        for site in cast.FIRST_NAMES
    }
    for pool in names.values():
        plant.dice.shuffle(pool)
    for site, function, duty, access, shifts, count, areas, on_call in cast.CREWS:
        for area in areas or ("",):
            for shift in shifts:
                for place in range(count):
                    user = person(names[site].pop(), site, function, access)
                    assign(
                        user,
                        site,
                        function,
                        duty,
                        area=area,
                        shift=shift,
                        on_call=on_call,
                        position=place + 1,
                    )
    plant.people = {user.username: user for user in models.User.objects.bulk_create(users)}
    models.DutyAssignment.objects.bulk_create(duties)
    models.AccessGrant.objects.bulk_create(grants)
    _teams(plant)
    _skills_and_badges(plant)
    _absences(plant)


def _teams(plant: Plant) -> None:
    links = []
    for site in plant.sites.values():
        for function in plant.functions.values():
            members = [
                user for user in plant.people.values() if user.home_site == site and user.function == function
            ]
            if members:
                team = models.Team.objects.create(
                    site=site, function=function, name=f"{function.name}, {site.name}"
                )
                links += [models.Team.members.through(team_id=team.pk, user_id=user.pk) for user in members]
    models.Team.members.through.objects.bulk_create(links)


def _skills_and_badges(plant: Plant) -> None:
    wanted = {"maintenance": ("SPINDLE", "ELECTRIC"), "quality": ("CMM",), "logistics": ("FORKLIFT",),
              "production": ("WELD", "PRESSURE")}  # fmt: skip
    year = plant.now.date() + timedelta(days=365)
    models.Qualification.objects.bulk_create(
        models.Qualification(person=user, skill=plant.skills[code], valid_until=year)
        for user in plant.people.values()
        if user.function is not None
        for code in wanted.get(user.function.code, ())
        if user.username == "jonas.keller" or plant.dice.random() < 0.7
    )
    pin = make_password("1234")
    operators = [
        user
        for user in plant.people.values()
        if user.function is not None and user.function.code == "production"
    ]
    models.Badge.objects.bulk_create(
        models.Badge(person=user, digest=keys.digest(f"{1001 + place}"), pin=pin, created_at=plant.now)
        for place, user in enumerate(operators)
    )


def _absences(plant: Plant) -> None:
    """Two people away now, one with cover, and a few holidays to come; never anybody of the cast."""
    named = {username(role.name) for role in cast.CAST}
    crew = sorted(
        (user for user in plant.people.values() if user.username not in named), key=lambda u: u.username
    )
    technicians = [user for user in crew if user.function == plant.functions["maintenance"]]
    operators = [user for user in crew if user.function == plant.functions["production"]]
    day = timedelta(days=1)
    models.Absence.objects.bulk_create(
        [
            models.Absence(
                person=technicians[0], cover=technicians[1], start=plant.now - day, end=plant.now + 5 * day
            ),
            models.Absence(
                person=operators[0], start=plant.now - day / 3, end=plant.now + day, planned=False
            ),
            *(
                models.Absence(
                    person=user,
                    start=plant.now + (7 + place * 4) * day,
                    end=plant.now + (17 + place * 4) * day,
                )
                for place, user in enumerate(operators[1:6])
            ),
        ]
    )


def write_goods(plant: Plant) -> None:
    """Item groups, items, bills of material, substitutes, customers and suppliers."""
    groups = {
        code: models.ItemGroup.objects.create(code=code, name=name) for code, name in goods.GROUPS.items()
    }
    items: list[models.Item] = []
    for family in goods.MADE:
        for size in family.sizes:
            code = f"{family.prefix}{size}"
            plant.families[code] = family
            items.append(
                models.Item(
                    code=code, name=f"{family.name} {code}", group=groups[family.group],
                    standard_cost=Decimal(str(round(family.cost + size * family.step_cost, 2))),
                    sourcing=models.Item.Sourcing.MADE, safety_characteristic=size in family.safety,
                    lead_time_days=4,
                )
            )  # fmt: skip
    for code, name, group, unit, cost, _supplier, days in goods.BOUGHT:
        items.append(
            models.Item(
                code=code, name=name, group=groups[group], uom=unit, standard_cost=Decimal(str(round(cost, 2))),
                sourcing=models.Item.Sourcing.BOUGHT, lead_time_days=days,
            )
        )  # fmt: skip
    plant.items = {item.code: item for item in models.Item.objects.bulk_create(items)}
    lines = []
    for code, family in plant.families.items():
        of_size = code.removeprefix(family.prefix)
        plant.bom[code] = [(need.format(s=of_size), Decimal(str(count))) for need, count in family.needs]
        lines += [
            models.BomLine(parent=plant.items[code], component=plant.items[component], quantity=count)
            for component, count in plant.bom[code]
        ]
    models.BomLine.objects.bulk_create(lines)
    models.ItemAlternate.objects.bulk_create(
        models.ItemAlternate(item=plant.items[code], substitute=plant.items[other])
        for code, other in goods.SUBSTITUTES
    )
    plant.customers = {
        code: models.Customer.objects.create(
            code=code, name=name, tier=tier, email=f"orders@{code.lower()}.example"
        )
        for code, name, tier in goods.CUSTOMERS
    }
    plant.suppliers = {
        code: models.Supplier.objects.create(code=code, name=name, email=f"sales@{code.lower()}.example")
        for code, name in goods.SUPPLIERS
    }
