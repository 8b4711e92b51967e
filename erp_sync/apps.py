"""ERP write-back: postings in, ERP documents out; master data read."""

from importlib import import_module

from django.apps import AppConfig


class ErpSyncConfig(AppConfig):
    name = "erp_sync"
    verbose_name = "ERP"

    def ready(self) -> None:
        import_module("erp_sync.doctor")
