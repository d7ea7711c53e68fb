from __future__ import annotations

from typing import Any

from django.urls import path

from realtime.consumers import watch_mailing

websocket_urlpatterns: list[Any] = [
    path("ws/mailings/<int:pk>/", watch_mailing),
]
