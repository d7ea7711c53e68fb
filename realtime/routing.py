from __future__ import annotations

from typing import Any

from django.urls import path

from realtime import consumers

watch_mailing: Any = consumers.watch_mailing  # an ASGI application, where path() is typed for views

websocket_urlpatterns = [
    path("ws/mailings/<int:pk>/", watch_mailing),
]
