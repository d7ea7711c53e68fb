"""manage.py make_dkim_key: a key that signs mail, and the DNS record that goes with it."""

from __future__ import annotations

import contextlib
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from mailer.delivery.dkim_keys import as_pem, dns_value, made_key, zone_strings
from mailer.domains.names import SELECTOR, ascii_domain, is_domain

DEFAULT_SELECTORS = {"rsa": "mailing", "ed25519": "mailing-ed25519"}


class Command(BaseCommand):
    help = (
        "Make a key that signs mail for a domain (DKIM), in a file that its owner alone can read, and print the DNS "
        "record to publish and the lines for .env. A file that is there is never touched."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("domain", metavar="DOMAIN")
        parser.add_argument("--selector", help="what the key is called in the DNS (default: mailing)")
        parser.add_argument(
            "--ed25519", action="store_true", help="an Ed25519 key instead of RSA: quicker, but not yet for everybody"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        kind = "ed25519" if options["ed25519"] else "rsa"
        domain, selector = ascii_domain(options["domain"].strip()), options["selector"] or DEFAULT_SELECTORS[kind]
        if not is_domain(domain):
            raise CommandError(f"{options['domain']!r} is no domain like example.com.")
        if not SELECTOR.fullmatch(selector):
            raise CommandError("A selector is made of letters, digits and hyphens.")
        key = made_key(kind)
        file = settings.DATA_DIR / "dkim" / f"{domain}.{selector}.pem"
        _write(file, as_pem(key))
        name, value = f"{selector}._domainkey.{domain}", dns_value(key)
        self.stdout.write(
            f"The key is in {file}. Keep a copy of it where you keep your secrets.\n\n"
            f"Publish this TXT record. As most DNS providers ask for it:\n\n  Name:  {name}\n  Value: {value}\n\n"
            f"In a zone file:\n\n{name}. 3600 IN TXT ({zone_strings(value)})\n\n"
            f"In .env, on every machine that sends (another key is added to each line after a comma):\n\n"
            f"DKIM_DOMAIN={domain}\nDKIM_SELECTOR={selector}\nDKIM_KEY_FILE={file}\n\n"
            f"Then `manage.py check_domain {domain}` tells whether it is right."
        )


def _write(file: Path, content: bytes) -> None:
    """A new file for its owner alone, whole or not at all. Raises CommandError."""
    with contextlib.suppress(FileExistsError):
        file.parent.mkdir(mode=0o700)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as new:
            new.write(content)
    except FileExistsError:
        raise CommandError(f"{file} is there already. Choose another --selector, or move the file away.") from None
    except OSError as error:
        raise CommandError(f"{file} can't be written: {error.strerror}") from error
