"""The web process: HTTP by Django, sockets by Channels behind the session and an origin check."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "execlayer.settings")
os.environ.setdefault("EXECLAYER_PROCESS", "web")

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

http = get_asgi_application()  # loads the apps; what follows imports their models

from boards_app.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
