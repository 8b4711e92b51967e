"""People: logins with their access and duties, functions, teams, shifts, absences, skills."""

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from core.admin import ModelAdmin, ReadOnlyAdmin, StackedInline, TabularInline
from plant_app import models


class GrantInline(TabularInline):
    model = models.AccessGrant
    fields = ("site", "role")


class DutyInline(TabularInline):
    model = models.DutyAssignment
    fields = ("duty", "function", "site", "area", "work_centre", "shift", "team", "on_call", "position")
    autocomplete_fields = ("area", "work_centre", "shift", "team")


class QualificationInline(TabularInline):
    model = models.Qualification
    fields = ("skill", "valid_until")
    autocomplete_fields = ("skill",)


class AbsenceInline(TabularInline):
    model = models.Absence
    fk_name = "person"
    fields = ("start", "end", "cover", "planned")
    autocomplete_fields = ("cover",)


@admin.register(models.User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "display_name", "function", "home_site", "is_active", "last_login")
    list_filter = ("home_site", "function", "is_active", "is_staff")
    list_select_related = ("function", "home_site")
    search_fields = ("username", "display_name", "first_name", "last_name", "email")
    ordering = ("username",)
    filter_horizontal = ()
    inlines = (GrantInline, DutyInline, QualificationInline, AbsenceInline)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password", "display_name", "function", "home_site")}),
        ("Reach", {"fields": ("email", "phone", "language")}),
        (
            "Administration",
            {"fields": ("is_active", "is_staff", "is_superuser", "last_login", "date_joined")},
        ),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "display_name", "password1", "password2")}),
    )


@admin.register(models.Function)
class FunctionAdmin(ModelAdmin):
    list_display = ("name", "code", "short", "position")
    search_fields = ("code", "name")


class RotationForm(forms.ModelForm):
    """Says which codes of a cycle are no shift of the team's site."""

    class Meta:
        model = models.TeamRotation
        fields = ("starts_on", "cycle")

    def clean_cycle(self) -> list[str]:
        cycle = self.cleaned_data["cycle"]
        if not isinstance(cycle, list) or not all(isinstance(one, str) for one in cycle):
            raise forms.ValidationError('A list of shift codes, for example ["E", "E", "L", "L", "", ""].')
        known = set(models.Shift.objects.values_list("code", flat=True)) | {""}
        unknown = sorted(set(cycle) - known)
        if unknown:
            raise forms.ValidationError(f"No shift is called {', '.join(unknown)}.")
        return cycle


class RotationInline(StackedInline):
    model = models.TeamRotation
    form = RotationForm
    extra = 0


@admin.register(models.Holiday)
class HolidayAdmin(ModelAdmin):
    """Days on which offices, or everything, stay closed."""

    list_display = ("day", "name", "site", "closes")
    list_filter = ("site", "closes")
    list_select_related = ("site",)
    date_hierarchy = "day"


@admin.register(models.ShiftSwap)
class SwapAdmin(ReadOnlyAdmin):
    """Read only: a swap is asked and answered by people on the page of who is on."""

    list_display = ("asker", "partner", "shift", "day", "return_shift", "return_day", "status")
    list_filter = ("site", "status")
    list_select_related = ("asker", "partner", "shift", "return_shift")


@admin.register(models.PresenceChange)
class PresenceChangeAdmin(ReadOnlyAdmin):
    """The log of the calendar; nobody changes it."""

    list_display = ("at", "person", "kind", "other", "start", "end", "actor")
    list_filter = ("site", "kind")
    list_select_related = ("person", "other", "actor")
    date_hierarchy = "at"


@admin.register(models.Team)
class TeamAdmin(ModelAdmin):
    inlines = (RotationInline,)
    list_display = ("name", "site", "function", "area")
    list_filter = ("site", "function")
    list_select_related = ("site", "function", "area")
    search_fields = ("name",)
    autocomplete_fields = ("members", "area")


@admin.register(models.Shift)
class ShiftAdmin(ModelAdmin):
    list_display = ("name", "code", "site", "start", "end", "office")
    list_filter = ("site", "office")
    list_select_related = ("site",)
    search_fields = ("code", "name", "site__code")


@admin.register(models.DutyAssignment)
class DutyAssignmentAdmin(ModelAdmin):
    """The duty calendar."""

    list_display = ("duty", "person", "function", "site", "area", "shift", "team", "on_call", "position")
    list_filter = ("site", "duty", "function", "shift", "on_call")
    list_select_related = ("person", "function", "site", "area", "shift", "team")
    search_fields = ("person__username", "person__display_name")
    autocomplete_fields = ("person", "area", "work_centre", "shift", "team")


@admin.register(models.Absence)
class AbsenceAdmin(ModelAdmin):
    list_display = ("person", "start", "end", "cover", "planned")
    list_filter = ("planned", "person__home_site")
    list_select_related = ("person", "cover")
    search_fields = ("person__username", "person__display_name")
    autocomplete_fields = ("person", "cover")
    date_hierarchy = "start"


@admin.register(models.Skill)
class SkillAdmin(ModelAdmin):
    list_display = ("code", "name")
    search_fields = ("code", "name")


@admin.register(models.Qualification)
class QualificationAdmin(ModelAdmin):
    list_display = ("person", "skill", "valid_until")
    list_filter = ("skill",)
    list_select_related = ("person", "skill")
    search_fields = ("person__username", "person__display_name", "skill__name")
    autocomplete_fields = ("person", "skill")
