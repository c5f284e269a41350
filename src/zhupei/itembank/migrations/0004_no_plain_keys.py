# The plain keys go, and the list of a release's versions stands in rows that say more.

from django.db import migrations, models

import zhupei.web.fields


class Migration(migrations.Migration):
    dependencies = [
        ("itembank", "0003_keys_encrypted"),
    ]

    operations = [
        migrations.RemoveField(model_name="itemversion", name="plain_key"),
        migrations.RemoveField(model_name="itemversion", name="plain_explanation"),
        migrations.AlterField(
            model_name="itemversion",
            name="key",
            field=zhupei.web.fields.EncryptedJSONField(),
        ),
        migrations.RemoveField(model_name="bankrelease", name="versions"),
        migrations.AddField(
            model_name="bankrelease",
            name="versions",
            field=models.ManyToManyField(
                related_name="+", through="itembank.ReleasedVersion", to="itembank.itemversion"
            ),
        ),
    ]
