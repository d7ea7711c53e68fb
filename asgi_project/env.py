"""Every setting that comes from the environment or `.env`, read in this one place.

A malformed value stops the start with the variable's name and what it takes. `.env.example` lists the same
variables with the same defaults; a test holds the two together.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from mailer.delivery.dkim_keys import KeyProblem, read_key
from mailer.domains.names import DOMAIN, SELECTOR, ascii_domain
from mailer.management.arguments import MOST_CONNECTIONS

BASE_DIR = Path(__file__).resolve().parent.parent


def text(value: str) -> str:
    return value.strip()


MAKE_A_KEY = "python -c 'import secrets; print(secrets.token_urlsafe(50))'"
KNOWN_KEYS = re.compile(r"django-insecure|change.?me|your.?secret|secret.?key")


def secret_key(value: str) -> str:
    """The key, or "" for none. Who guesses it signs in as anybody, or unsubscribes anybody."""
    key = value.strip()
    repeats_itself = key in (key * 2)[1:-1]
    if key and (len(key) < 50 or len(set(key)) < 10 or repeats_itself or KNOWN_KEYS.search(key.casefold())):
        raise ValueError(f"takes at least 50 random characters. Make them with `{MAKE_A_KEY}`")
    return key


def path(value: str) -> str:
    if not value.strip():
        raise ValueError("takes the path of a folder")
    return value.strip()


def dotted_path(value: str) -> str:
    if not re.fullmatch(r"\w+(\.\w+)+", value.strip()):
        raise ValueError("takes the dotted path of a class, like django.core.mail.backends.console.EmailBackend")
    return value.strip()


def sender(value: str) -> str:
    _name, address = parseaddr(value.strip())
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", address) or "\n" in value:
        raise ValueError("takes an address like Our Club <news@example.com>")
    return value.strip()


def address(value: str) -> str:
    if value.strip() and not re.fullmatch(r"[!-~]+@[!-~]+", value.strip()):
        raise ValueError("takes an address like unsubscribe@example.com, or nothing")
    return value.strip()


def senders(value: str) -> list[str]:
    """Bare addresses, each once."""
    found = [part.strip() for part in value.split(",") if part.strip()]
    if not all(re.fullmatch(r"[!#-'*+\-./0-9=?A-Z^-~]+@[^@\s<>\"()]+", part) for part in found):
        raise ValueError("takes addresses separated by commas, like news@example.com,team@example.com, without names")
    return list(dict.fromkeys(found))


def boolean(value: str) -> bool:
    words = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    if value.strip().lower() not in words:
        raise ValueError("takes True or False")
    return words[value.strip().lower()]


def port(value: str) -> int:
    if not value.strip().isdecimal() or not 0 < int(value) < 65536:
        raise ValueError("takes a port number, 1 to 65535")
    return int(value)


def connections(value: str) -> int:
    if not value.strip().isdecimal() or not 0 < int(value) <= MOST_CONNECTIONS:
        raise ValueError(f"takes a whole number from 1 to {MOST_CONNECTIONS}")
    return int(value)


def whole_number(value: str) -> int:
    if not value.strip().isdecimal():
        raise ValueError("takes a whole number, 0 for none")
    return int(value)


def site_url(value: str) -> str:
    url = value.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and is_host(parts.hostname or "") and parts.port != 0
    except ValueError:  # the port is no number, or too large
        named = False
    if not named or parts.username or parts.path or parts.query or parts.fragment:
        raise ValueError("takes an address like https://mail.example.com, without a path")
    return url


def is_host(name: str) -> bool:
    """A host name or an IP address, as a browser sends it; `*` or `.example.com` would let in others' names too."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", name) is not None
    return True


def redis_url(value: str) -> str:
    url = value.strip()
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("redis", "rediss", "unix") and parts.port != 0
    except ValueError:  # the port is no number, or too large
        named = False
    if url and not named:
        raise ValueError("takes an address like redis://127.0.0.1:6379/0, or nothing")
    return url


def networks(value: str) -> list[str]:
    parts = [part.strip() for part in value.split(",") if part.strip()]
    try:
        for part in parts:
            ipaddress.ip_network(part)
    except ValueError as error:
        raise ValueError("takes IP addresses and networks separated by commas, like 10.0.0.0/8") from error
    return parts


def time_zone(value: str) -> str:
    if value.strip() not in zoneinfo.available_timezones():
        raise ValueError("takes a name from the IANA time zone database, like Europe/Berlin")
    return value.strip()


def journal_sync(value: str) -> str:
    if value.strip() not in ("none", "group"):
        raise ValueError("takes none (survives a killed process) or group (survives a power cut too)")
    return value.strip()


def domain(value: str) -> str:
    name = ascii_domain(value.strip())
    if name and not DOMAIN.fullmatch(name):
        raise ValueError("takes a domain like example.com, or nothing")
    return name


def selectors(value: str) -> list[str]:
    names = [name.strip() for name in value.split(",") if name.strip()]
    if len(names) > 2 or len(set(names)) < len(names) or not all(SELECTOR.fullmatch(name) for name in names):
        raise ValueError("takes a name in letters, digits and hyphens, or two different ones separated by a comma")
    return names


def key_files(value: str) -> list[Path]:
    files = [BASE_DIR / name.strip() for name in value.split(",") if name.strip()]
    if len(files) > 2:
        raise ValueError("takes the path of a PEM file, or two separated by a comma")
    for file in files:
        try:
            read_key(file)
        except KeyProblem as problem:
            raise ValueError(f"takes private keys: {problem}.") from problem
    return files


def dns_resolver(value: str) -> tuple[str, int] | None:
    """Address and port, or None for the system's."""
    if not value.strip():
        return None
    parts = urlsplit(f"//{value.strip()}")
    try:
        address = str(ipaddress.ip_address(parts.hostname or ""))
        given = 53 if parts.port is None else port(str(parts.port))
    except ValueError:
        given = 0
    if not given or parts.netloc != value.strip() or parts.username is not None:
        raise ValueError("takes an IP address and a port, like 127.0.0.1:53 or [::1]:53, or nothing")
    return address, given


@dataclass(frozen=True)
class Variable:
    """One variable: how it is read, its default, and its default under the embedded start where that differs."""

    read: Callable[[str], Any]
    default: str
    embedded: str | None = None


VARIABLES: dict[str, Variable] = {
    "EMBEDDED": Variable(boolean, "False"),
    "SECRET_KEY": Variable(secret_key, ""),
    "UNSUBSCRIBE_KEY": Variable(secret_key, ""),
    "DEBUG": Variable(boolean, "False", embedded="True"),
    "PORT": Variable(port, "8000"),
    "SITE_URL": Variable(site_url, "http://127.0.0.1:8000"),
    "TIME_ZONE": Variable(time_zone, "UTC"),
    "DATA_DIR": Variable(path, "data"),
    "DB_NAME": Variable(text, ""),
    "DB_USER": Variable(text, ""),
    "DB_PASSWORD": Variable(str, ""),
    "DB_HOST": Variable(text, "127.0.0.1"),
    "DB_PORT": Variable(port, "5432"),
    "REDIS_URL": Variable(redis_url, ""),
    "CACHE_ENABLED": Variable(boolean, "False"),
    "EMAIL_BACKEND": Variable(dotted_path, "django.core.mail.backends.smtp.EmailBackend"),
    "EMAIL_HOST": Variable(text, "", embedded="127.0.0.1"),
    "EMAIL_PORT": Variable(port, "587"),
    "EMAIL_HOST_USER": Variable(text, ""),
    "EMAIL_HOST_PASSWORD": Variable(str, ""),
    "EMAIL_USE_TLS": Variable(boolean, "True", embedded="False"),
    "EMAIL_USE_SSL": Variable(boolean, "False"),
    "DEFAULT_FROM_EMAIL": Variable(sender, "Mailing Service <noreply@localhost>", embedded="Demo <demo@example.com>"),
    "FROM_ADDRESSES": Variable(senders, ""),
    "DKIM_DOMAIN": Variable(domain, ""),
    "DKIM_SELECTOR": Variable(selectors, ""),
    "DKIM_KEY_FILE": Variable(key_files, ""),
    "DNS_RESOLVER": Variable(dns_resolver, ""),
    "UNSUBSCRIBE_MAILTO": Variable(address, ""),
    "MAILCATCHER_PORT": Variable(port, "1025"),
    "EMBEDDED_SENDER": Variable(boolean, "False", embedded="True"),
    "SEND_CONCURRENCY": Variable(connections, "20"),
    "JOURNAL_SYNC": Variable(journal_sync, "none"),
    "SIGNUP_ENABLED": Variable(boolean, "True"),
    "NEW_ACCOUNT_DAILY_CAP": Variable(whole_number, "100", embedded="0"),
    "SENDING_REQUIRES_APPROVAL": Variable(boolean, "False"),
    "TRUSTED_PROXIES": Variable(networks, ""),
}


SECRETS = {
    "SECRET_KEY",
    "UNSUBSCRIBE_KEY",
    "DB_PASSWORD",
    "EMAIL_HOST_PASSWORD",
    "REDIS_URL",
}  # never shown, not in an error either


class Settings:
    """The values by name: `Settings(os.environ)["DB_PORT"]`. Raises ImproperlyConfigured for a malformed one."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.embedded: bool = self._read("EMBEDDED", VARIABLES["EMBEDDED"].default)

    def __getitem__(self, name: str) -> Any:
        variable = VARIABLES[name]
        embedded_default = variable.embedded if self.embedded else None
        return self._read(name, variable.default if embedded_default is None else embedded_default)

    def has(self, name: str) -> bool:
        """Whether the variable was set, rather than left to its default."""
        return name in self.environment

    def _read(self, name: str, default: str) -> Any:
        value = self.environment.get(name, default)
        try:
            return VARIABLES[name].read(value)
        except ValueError as error:
            shown = "" if name in SECRETS else f" It says {value!r}."
            raise ImproperlyConfigured(f"{name} {error}.{shown} Mend it in .env or the environment.") from error


def load() -> Settings:
    """What the process's environment says, over what `.env` beside manage.py says (`ENV_FILE` names another)."""
    file = Path(os.environ.get("ENV_FILE", BASE_DIR / ".env"))
    if file.exists():
        refuse_stray_lines(file)
        environ.Env.read_env(file)
    settings = Settings(dict(os.environ))
    for name in VARIABLES:
        settings[name]  # a malformed one stops the start even where it is not used yet
    return settings


def refuse_stray_lines(file: Path) -> None:
    """Raises ImproperlyConfigured for a line that would be passed over in silence, like `DB_PORT = 5433`."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{file} can't be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if line.strip() and not re.match(r"#|(export )?[A-Za-z_0-9]+=", line):
            raise ImproperlyConfigured(
                f"{file}, line {number}: write NAME=value, without spaces before and after NAME."
            )


def made_folder(path: Path) -> Path:
    """The DATA_DIR, made where it is missing. Raises ImproperlyConfigured where it can't be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"DATA_DIR {path} can't be made: {error.strerror}.") from error
    return path


def embedded_secret_key(data_dir: Path, name: str = "secret_key") -> str:
    """A secret key of an embedded start: made once, readable by its owner alone."""
    path = data_dir / name
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(50))
    return path.read_text().strip()
