# What 0002 made room for: keys and explanations encrypted, places on versions, releases with what they froze.

from django.db import migrations


def fill(apps, schema_editor):
    """Versions get the place of their item as it is now; released versions the author's judgement, as they were drawn by."""
    version = apps.get_model("itembank", "ItemVersion")
    posts = {}
    through = apps.get_model("itembank", "Item").posts.through
    for item, code in through.objects.order_by("post__code").values_list("item_id", "post__code"):
        posts.setdefault(item, []).append(code)
    rows = []
    for row in version.objects.select_related("item").iterator(chunk_size=1000):
        codes = posts.get(row.item_id, [])
        row.post_codes = f",{','.join(codes)}," if codes else ""
        row.subject, row.chapter, row.level = row.item.subject, row.item.chapter, row.item.level
        row.key, row.explanation = row.plain_key, row.plain_explanation
        rows.append(row)
    names = ["post_codes", "subject", "chapter", "level", "key", "explanation"]
    version.objects.bulk_update(rows, names, batch_size=200)
    released = apps.get_model("itembank", "ReleasedVersion")
    release = apps.get_model("itembank", "BankRelease")
    shares = dict(version.objects.values_list("pk", "difficulty"))
    pairs = release.versions.through.objects.values_list("bankrelease_id", "itemversion_id")
    released.objects.bulk_create(
        [
            released(release_id=one, version_id=pk, share=shares[pk])
            for one, pk in pairs.iterator(chunk_size=2000)
        ],
        batch_size=1000,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("itembank", "0002_bank_life"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
