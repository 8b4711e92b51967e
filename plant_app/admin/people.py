"""People: logins with their access and duties, functions, teams, shifts, absences, skills."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from core.admin import ModelAdmin, TabularInline
from plant_app import models


class GrantInline(TabularInline):
    model = models.AccessGrant
    fields = ("site", "role")


class DutyInline(TabularInline):
    model = models.DutyAssignment
    fields = ("duty", "function", "site", "area", "work_centre", "shift", "on_call", "position")
    autocomplete_fields = ("area", "work_centre", "shift")


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


@admin.register(models.Team)
class TeamAdmin(ModelAdmin):
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

    list_display = ("duty", "person", "function", "site", "area", "shift", "on_call", "position")
    list_filter = ("site", "duty", "function", "shift", "on_call")
    list_select_related = ("person", "function", "site", "area", "shift")
    search_fields = ("person__username", "person__display_name")
    autocomplete_fields = ("person", "area", "work_centre", "shift")


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
