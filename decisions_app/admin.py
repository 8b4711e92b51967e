"""Playbooks in the admin: options with their tasks and postings; decisions, tasks and talk to read."""

from django.contrib import admin

from core.admin import ModelAdmin, ReadOnlyAdmin, StackedInline, TabularInline
from decisions_app.models import Comment, Decision, Option, OptionPosting, OptionTask, Playbook, Task


class OptionInline(TabularInline):
    """The options of a playbook, short."""

    model = Option
    fields = ("position", "code", "name", "when", "by_quantity", "expedited", "active")
    show_change_link = True


class ContainmentPostingInline(TabularInline):
    """Postings that belong to the type, whichever option is taken."""

    model = OptionPosting
    fields = ("position", "template", "trigger", "task_code", "settings", "needs_approval", "option")


@admin.register(Playbook)
class PlaybookAdmin(ModelAdmin):
    """One playbook per exception type."""

    list_display = ("type", "clears", "estimate_minutes")
    inlines = (OptionInline, ContainmentPostingInline)


class OptionTaskInline(StackedInline):
    """What the option hands out."""

    model = OptionTask
    fields = (
        ("position", "code", "function", "role"),
        "title",
        ("due_minutes", "due_input", "only_if"),
        ("blocking", "clears"),
        "asks",
    )


class OptionPostingInline(TabularInline):
    """What ERP gets."""

    model = OptionPosting
    fields = ("position", "template", "trigger", "task_code", "settings", "needs_approval", "playbook")


@admin.register(Option)
class OptionAdmin(ModelAdmin):
    """An option with its inputs, tasks and postings."""

    list_display = ("name", "playbook", "position", "by_quantity", "active")
    list_filter = ("playbook", "active")
    search_fields = ("name", "code")
    inlines = (OptionTaskInline, OptionPostingInline)


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    """Decisions taken."""

    list_display = ("exception", "number", "option", "decided_by", "decided_at", "cost", "reversed_at")
    list_filter = ("option",)
    search_fields = ("exception__ref", "reason")


@admin.register(Task)
class TaskAdmin(ReadOnlyAdmin):
    """Tasks handed out."""

    list_display = ("title", "exception", "function", "person", "due_at", "status", "blocking")
    list_filter = ("status", "function", "blocking")
    search_fields = ("exception__ref", "title")


@admin.register(Comment)
class CommentAdmin(ReadOnlyAdmin):
    """What people said."""

    list_display = ("exception", "author", "at", "text")
    search_fields = ("exception__ref", "text")
