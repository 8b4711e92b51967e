"""The people of the demo plant. Pure data.

The cast are the logins the demo hands out: they are on duty around the clock, so that whoever starts the demo at any
hour finds them answering. Everybody else works their shift.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """One member of the cast. `login` is the access role whose credentials are handed out; empty: no login."""

    name: str
    function: str
    duty: str
    access: str
    area: str = ""
    login: bool = False
    site: str = "RHF"


CAST = (
    Role("Ingrid Vogel", "planning", "planner", "planner", login=True),
    Role("Sofia Brandt", "", "", "administrator", login=True),
    Role("Tomás Ruiz", "production", "line_lead", "responder", area="MACH", login=True),
    Role("Jonas Keller", "maintenance", "technician", "responder", login=True),
    Role("Priya Nair", "quality", "inspector", "responder", login=True),
    Role("Daniel Okafor", "logistics", "material_handler", "responder", login=True),
    Role("Lena Fischer", "procurement", "buyer", "responder", login=True),
    Role("Marta Silva", "customer_service", "csr", "responder", login=True),
    Role("Mateusz Zieliński", "engineering", "engineer", "responder", login=True),
    Role("Henrik Larsen", "safety", "safety_duty", "responder", login=True),
    Role("Piotr Nowak", "production", "operator", "operator", area="MACH", login=True),
    Role("Robert Kolbe", "production", "plant_manager", "leader", login=True),
    Role("ERP Integration", "", "", "integrator", login=True),
    Role("Katrin Weber", "production", "shift_supervisor", "responder", login=True),
    Role("Dana Brooks", "planning", "planner", "planner", login=True, site="GVL"),
    Role("Bernd Hauser", "maintenance", "maintenance_lead", "responder"),
    Role("Stefan Roth", "quality", "quality_engineer", "responder"),
    Role("Nadia Petrov", "logistics", "logistics_lead", "responder"),
    Role("Oliver Brandt", "procurement", "purchasing_lead", "responder"),
    Role("Helena Kraus", "planning", "planning_lead", "planner"),
    Role("Elif Aksoy", "customer_service", "cs_lead", "responder"),
    Role("Claire Dubois", "engineering", "engineering_lead", "responder"),
    Role("Anke Schulte", "production", "area_manager", "responder"),
    Role("Susanne Adler", "production", "operations_director", "leader"),
    Role("Nils Ahrens", "production", "line_lead", "responder", area="FORM"),
    Role("Yusuf Demir", "production", "line_lead", "responder", area="FIN"),
    Role("Carla Ferreira", "production", "line_lead", "responder", area="ASM"),
    Role("Ravi Menon", "", "", "integrator"),
    Role("Maya Johnson", "production", "shift_supervisor", "responder", site="GVL"),
    Role("Tyler Reed", "maintenance", "technician", "responder", site="GVL"),
    Role("Grace Lee", "quality", "inspector", "responder", site="GVL"),
    Role("Andre Walker", "logistics", "material_handler", "responder", site="GVL"),
    Role("Kim Parker", "customer_service", "csr", "responder", site="GVL"),
    Role("Walter Boone", "production", "plant_manager", "leader", site="GVL"),
)
# Who may look into both sites.
BOTH_SITES = ("sofia.brandt", "robert.kolbe", "susanne.adler", "erp.integration", "ravi.menon")

# site, function, duty, access, shifts, how many per shift, areas (empty: whole site), on call besides
CREWS = (
    ("RHF", "production", "operator", "operator", "ELN", 2, ("MACH", "FORM", "FIN", "ASM"), False),
    ("RHF", "production", "line_lead", "responder", "ELN", 1, ("MACH", "ASM"), False),
    ("RHF", "production", "shift_supervisor", "responder", "ELN", 1, (), False),
    ("RHF", "maintenance", "technician", "responder", "ELN", 2, (), False),
    ("RHF", "quality", "inspector", "responder", "ELN", 1, (), False),
    ("RHF", "logistics", "material_handler", "responder", "ELN", 2, (), False),
    ("RHF", "planning", "planner", "planner", "EL", 1, (), False),
    ("RHF", "procurement", "buyer", "responder", "O", 2, (), True),
    ("RHF", "customer_service", "csr", "responder", "O", 2, (), True),
    ("RHF", "engineering", "engineer", "responder", "O", 1, (), True),
    ("GVL", "production", "operator", "operator", "12", 2, ("GMACH", "GASM"), False),
    ("GVL", "production", "line_lead", "responder", "12", 1, ("GMACH", "GASM"), False),
    ("GVL", "production", "shift_supervisor", "responder", "12", 1, (), True),
    ("GVL", "maintenance", "technician", "responder", "12", 1, (), True),
    ("GVL", "quality", "inspector", "responder", "12", 1, (), True),
    ("GVL", "logistics", "material_handler", "responder", "12", 1, (), False),
)
FIRST_NAMES = {
    "RHF": (
        "Anna", "Lukas", "Mehmet", "Julia", "Marek", "Sabine", "Emre", "Kasia", "Florian", "Petra", "Dario", "Ines",
        "Tobias", "Zeynep", "Jan", "Monika", "Paulo", "Heike", "Adrian", "Leonie", "Goran", "Birgit", "Milan", "Silke",
    ),
    "GVL": (
        "James", "Olivia", "Marcus", "Hannah", "Luis", "Brianna", "Ethan", "Rosa", "Caleb", "Denise", "Victor", "Amber",
    ),
}  # fmt: skip
LAST_NAMES = {
    "RHF": (
        "Bauer", "Lang", "Yilmaz", "Hartmann", "Kowalski", "Seidel", "Costa", "Winter", "Horvat", "Maier", "Pohl",
        "Engel", "Santos", "Krüger", "Bosch", "Novak", "Thiel",
    ),
    "GVL": ("Carter", "Nguyen", "Hughes", "Ramirez", "Foster", "Bennett", "Ortiz"),
}  # fmt: skip
# code, name
SKILLS = (
    ("SPINDLE", "Spindle repair"),
    ("ELECTRIC", "Electrical work"),
    ("WELD", "Welding certificate"),
    ("PRESSURE", "Pressure test"),
    ("FORKLIFT", "Forklift licence"),
    ("CMM", "Coordinate measuring"),
)
