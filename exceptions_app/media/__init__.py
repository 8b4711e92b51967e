"""Pure: what bytes really are, and how photos and voice notes are made safe. No Django, no rows."""
