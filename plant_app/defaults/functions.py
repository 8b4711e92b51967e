"""The functions and skills every installation starts with. Pure data; the loader is in `services.catalogue`."""

# code, name, short
FUNCTIONS: tuple[tuple[str, str, str], ...] = (
    ("production", "Production", "PR"),
    ("maintenance", "Maintenance", "MT"),
    ("quality", "Quality", "QA"),
    ("logistics", "Logistics", "LG"),
    ("procurement", "Procurement", "PC"),
    ("planning", "Planning", "PL"),
    ("customer_service", "Customer service", "CS"),
    ("engineering", "Engineering", "EN"),
    ("safety", "Safety", "SF"),
)
