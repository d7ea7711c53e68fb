from __future__ import annotations

from typing import Any

from django.urls import path, re_path

from realtime import consumers

# ASGI applications, where path() is typed for views.
watch_mailing: Any = consumers.watch_mailing
refuse: Any = consumers.refuse

websocket_urlpatterns = [
    path("ws/mailings/<int:pk>/", watch_mailing),
    re_path("", refuse),
]
