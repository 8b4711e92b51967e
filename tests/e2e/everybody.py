"""`python -m tests.e2e.everybody FILE`: a password and a token for every person of the plant, written to FILE.

The demo hands logins to its cast only; a story needs whoever happens to be on duty. Runs beside the product, against
its database, and is the only part of the end-to-end tests that knows Django.
"""

import json
import os
import sys
from pathlib import Path

import django
from django.contrib.auth.hashers import make_password


def main(target: Path) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "execlayer.settings")
    django.setup()
    from plant_app.models import User
    from plant_app.services.access import issue_token

    password = "only-on-loopback-in-a-test"
    hashed = make_password(password)  # one hash for all, hashing is slow on purpose
    User.objects.update(password=hashed)
    known = {}
    for user in User.objects.filter(is_active=True):
        _token, secret = issue_token(user=user, name="end to end")
        known[user.username] = {"username": user.username, "password": password, "api_token": secret}
    target.write_text(json.dumps(known))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
