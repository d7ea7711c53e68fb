from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


async def home(request: HttpRequest) -> HttpResponse:
    return render(request, "mailer/home.html")
