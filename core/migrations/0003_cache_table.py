"""The table of Django's database cache, which holds the rate limits: made here, so that `migrate` is all it takes."""

from django.conf import settings
from django.core.cache.backends.db import BaseDatabaseCache
from django.core.management import call_command
from django.db import migrations


def make_table(apps, schema_editor):
    call_command("createcachetable", database=schema_editor.connection.alias, verbosity=0)


def drop_table(apps, schema_editor):
    for options in settings.CACHES.values():
        if options["BACKEND"].endswith("DatabaseCache"):
            table = BaseDatabaseCache(options["LOCATION"], {})._table
            schema_editor.execute(f"DROP TABLE IF EXISTS {schema_editor.quote_name(table)}")


class Migration(migrations.Migration):
    dependencies = [("core", "0002_accounts")]
    operations = [migrations.RunPython(make_table, drop_table)]
