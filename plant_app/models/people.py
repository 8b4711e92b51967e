"""People: logins, functions, teams, shifts, duties on them, absences, skills.

A duty (shift supervisor, technician) is what a ladder names; an access role is what a login may do. The two are
never mixed: see access.py for the latter.
"""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q

from core import clock
from plant_app.models.masterchange import master_triggers
from plant_app.models.places import Area, Site, WorkCentre


class Function(models.Model):
    """A department that can be affected by an exception."""

    code = models.CharField(max_length=30, unique=True)
    name = models.CharField(max_length=60)
    short = models.CharField(max_length=3, help_text="two letters for chips, for example MT")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("position", "code")

    def __str__(self) -> str:
        return self.name


class Duty(models.TextChoices):
    """The on-shift roles ladders and routes name, never persons."""

    OPERATOR = "operator", "Operator"
    LINE_LEAD = "line_lead", "Line lead"
    SHIFT_SUPERVISOR = "shift_supervisor", "Shift supervisor"
    TECHNICIAN = "technician", "Technician"
    INSPECTOR = "inspector", "Inspector"
    MATERIAL_HANDLER = "material_handler", "Material handler"
    BUYER = "buyer", "Buyer"
    PLANNER = "planner", "Planner"
    CSR = "csr", "Customer service"
    MAINTENANCE_LEAD = "maintenance_lead", "Maintenance lead"
    QUALITY_ENGINEER = "quality_engineer", "Quality engineer"
    LOGISTICS_LEAD = "logistics_lead", "Logistics lead"
    PURCHASING_LEAD = "purchasing_lead", "Purchasing lead"
    PLANNING_LEAD = "planning_lead", "Planning lead"
    CS_LEAD = "cs_lead", "Customer service lead"
    ENGINEER = "engineer", "Engineer"
    ENGINEERING_LEAD = "engineering_lead", "Engineering lead"
    SAFETY_DUTY = "safety_duty", "Safety duty"
    AREA_MANAGER = "area_manager", "Area manager"
    PLANT_MANAGER = "plant_manager", "Plant manager"
    OPERATIONS_DIRECTOR = "operations_director", "Operations director"


class User(AbstractUser):
    """A person with a login. What they may do lies in `AccessGrant`, what they are on shift for in duties."""

    display_name = models.CharField(max_length=80, blank=True)
    home_site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.SET_NULL, related_name="people"
    )
    function = models.ForeignKey(
        Function, null=True, blank=True, on_delete=models.SET_NULL, related_name="people"
    )
    language = models.CharField(max_length=5, default="en")
    phone = models.CharField(max_length=40, blank=True)
    date_joined = models.DateTimeField(default=clock.now, editable=False)

    class Meta(AbstractUser.Meta):
        triggers = master_triggers("username", "display_name", "is_active")

    def __str__(self) -> str:
        return self.display_name or self.get_full_name() or self.username

    @property
    def initials(self) -> str:
        """Two letters for avatars."""
        words = str(self).split()
        return (words[0][:1] + (words[-1][:1] if len(words) > 1 else "")).upper()


class Team(models.Model):
    """People of one function on one site, perhaps for one area."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="teams")
    function = models.ForeignKey(Function, on_delete=models.PROTECT, related_name="teams")
    area = models.ForeignKey(Area, null=True, blank=True, on_delete=models.PROTECT, related_name="teams")
    name = models.CharField(max_length=80)
    members = models.ManyToManyField(User, related_name="teams", blank=True)

    class Meta:
        ordering = ("site", "function", "name")
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="team_name_once_per_site")]

    def __str__(self) -> str:
        return self.name


class Shift(models.Model):
    """A shift pattern of a site in local time; one that ends at or before its start runs into the next day."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="shifts")
    code = models.CharField(max_length=10)
    name = models.CharField(max_length=40)
    start = models.TimeField()
    end = models.TimeField()
    weekdays = models.JSONField(default=list, help_text="days it begins on, Monday is 0")
    office = models.BooleanField(
        default=False, help_text="calendar of day staff: decides who is there, never which shift it is"
    )
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("site", "position")
        constraints = [models.UniqueConstraint(fields=["site", "code"], name="shift_code_once_per_site")]

    def __str__(self) -> str:
        return self.name


class DutyAssignment(models.Model):
    """A person holds a duty for a function at a site: in one shift or in all, for one area or the whole site."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="duties")
    duty = models.CharField(max_length=30, choices=Duty.choices)
    function = models.ForeignKey(Function, on_delete=models.PROTECT, related_name="duty_assignments")
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="duty_assignments")
    area = models.ForeignKey(
        Area, null=True, blank=True, on_delete=models.CASCADE, related_name="duty_assignments"
    )
    work_centre = models.ForeignKey(
        WorkCentre, null=True, blank=True, on_delete=models.CASCADE, related_name="duty_assignments"
    )
    shift = models.ForeignKey(
        Shift, null=True, blank=True, on_delete=models.CASCADE, related_name="duty_assignments",
        help_text="empty: every shift (day staff use their calendar)",
    )  # fmt: skip
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.CASCADE, related_name="duty_assignments",
        help_text="works this team's rotation; the shift then stays empty",
    )  # fmt: skip
    on_call = models.BooleanField(default=False, help_text="may be called when nobody is on shift")
    position = models.PositiveSmallIntegerField(default=0, help_text="lower is asked first")

    class Meta:
        ordering = ("site", "duty", "position", "pk")
        constraints = [
            models.CheckConstraint(condition=Q(duty__in=Duty.values), name="duty_assignment_duty_known"),
            models.CheckConstraint(
                condition=Q(shift__isnull=True) | Q(team__isnull=True), name="duty_by_shift_or_by_rotation"
            ),
        ]
        indexes = [models.Index(fields=["site", "duty"])]

    def __str__(self) -> str:
        return f"{self.person}: {self.get_duty_display()}"


class AbsenceKind(models.TextChoices):
    """What the calendar knows of an absence; never why."""

    AWAY = "away", "Away"
    COVERED = "covered", "Covered"
    SWAPPED = "swapped", "Shift swapped"
    TAKEN = "taken", "Shift taken over"


class Absence(models.Model):
    """A person is not there, and who stands in. Why is nobody's business: health data is never stored."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="absences")
    start = models.DateTimeField()
    end = models.DateTimeField()
    cover = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="covers")
    planned = models.BooleanField(default=True)
    kind = models.CharField(max_length=8, choices=AbsenceKind.choices, default=AbsenceKind.AWAY)
    made_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("-start",)
        constraints = [
            models.CheckConstraint(condition=Q(end__gt=F("start")), name="absence_ends_after_start"),
            models.CheckConstraint(condition=Q(kind__in=AbsenceKind.values), name="absence_kind_known"),
            models.CheckConstraint(
                condition=Q(cover__isnull=True) | ~Q(cover=F("person")), name="nobody_covers_themselves"
            ),
        ]
        indexes = [models.Index(fields=["person", "end"], name="absence_of_person")]

    def __str__(self) -> str:
        return f"{self.person} absent {self.start:%Y-%m-%d %H:%M}"


class Skill(models.Model):
    """A skill or certificate an operation or a machine can ask for."""

    code = models.CharField(max_length=30, unique=True)
    name = models.CharField(max_length=80)

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return self.name


class Qualification(models.Model):
    """A person has a skill, until its certificate ends."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="qualifications")
    skill = models.ForeignKey(Skill, on_delete=models.CASCADE, related_name="qualifications")
    valid_until = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "skill"], name="qualification_once")]

    def __str__(self) -> str:
        return f"{self.person}: {self.skill}"
