# The seeds of draws are encrypted: with a seed, papers can be told before they are sat, and right answers from papers.

from django.db import migrations

import zhupei.web.fields


def encrypt(apps, schema_editor):
    for row in apps.get_model("papers", "Draw").objects.only("pk", "plain_seed"):
        row.seed = row.plain_seed
        row.save(update_fields=["seed"])


class Migration(migrations.Migration):
    dependencies = [
        ("papers", "0002_targets_figures"),
    ]

    operations = [
        migrations.RenameField(model_name="draw", old_name="seed", new_name="plain_seed"),
        migrations.AddField(
            model_name="draw",
            name="seed",
            field=zhupei.web.fields.EncryptedField(default=""),
            preserve_default=False,
        ),
        migrations.RunPython(encrypt, migrations.RunPython.noop),
        migrations.RemoveField(model_name="draw", name="plain_seed"),
    ]
