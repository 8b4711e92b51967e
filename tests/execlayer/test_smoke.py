import os

from django.conf import settings


def test_settings_point_at_the_private_servers():
    assert settings.DATABASES["default"]["HOST"] == "127.0.0.1"
    assert os.environ["REDIS_URL"].rsplit("/", 1)[0] in settings.CELERY_BROKER_URL
