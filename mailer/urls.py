from __future__ import annotations

from django.urls import path

from mailer.views import home, mailcatcher

mailcatcher_urls = [
    path("mailcatcher/", mailcatcher.inbox, name="mailcatcher_inbox"),
    path("mailcatcher/clear/", mailcatcher.clear, name="mailcatcher_clear"),
    path("mailcatcher/<str:key>/", mailcatcher.mail, name="mailcatcher_mail"),
    path("mailcatcher/<str:key>/html/", mailcatcher.html, name="mailcatcher_html"),
    path("mailcatcher/<str:key>/source/", mailcatcher.source, name="mailcatcher_source"),
]

urlpatterns = [
    path("", home.home, name="home"),
    *mailcatcher_urls,
]
