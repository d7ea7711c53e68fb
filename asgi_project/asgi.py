"""The ASGI application: pages over HTTP, live pages over websockets."""

from __future__ import annotations

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator, WebsocketDenier
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asgi_project.settings")
django_application = get_asgi_application()  # before anything that imports models

from django.conf import settings  # noqa: E402
from django.urls import reverse  # noqa: E402

from asgi_project.lifespan import with_lifespan  # noqa: E402
from core.any_host import answer_any_host  # noqa: E402
from core.body_limit import with_body_limit  # noqa: E402
from core.content_type import read_as_utf8  # noqa: E402
from core.loopback import refuse_other_machines  # noqa: E402
from mailer.importing import LARGEST_FILE  # noqa: E402
from realtime.origin import without_broken_origin  # noqa: E402
from realtime.routing import websocket_urlpatterns  # noqa: E402

MEGABYTE = 1024 * 1024  # for the rest of a form with a file

WebsocketDenier.channel_layer_alias = "none"  # to refuse a foreign origin takes no channel layer, which may be dead
router = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
legible = without_broken_origin(read_as_utf8(router))
long_lists = dict.fromkeys([reverse("recipient_import"), reverse("suppression_add")], LARGEST_FILE + MEGABYTE)
limited = with_body_limit(legible, settings.DATA_UPLOAD_MAX_MEMORY_SIZE, long_lists)
checked = answer_any_host(limited, {"/healthz", "/readyz"}, settings.ALLOWED_HOSTS[0])
application = with_lifespan(refuse_other_machines(checked) if settings.EMBEDDED else checked)
