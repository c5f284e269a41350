# Places, standards, enemies and calibrations of items; keys to be encrypted by the next two.

import django.db.models.deletion
import zhupei.web.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evidence', '0001_initial'),
        ('itembank', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='DuplicateRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('queued', 'Waiting to start'), ('running', 'Running'), ('finished', 'Finished'), ('failed', 'Broken off')], default='queued', max_length=10, verbose_name='state')),
                ('done', models.PositiveIntegerField(default=0)),
                ('total', models.PositiveIntegerField(default=0)),
                ('pair_count', models.PositiveIntegerField(default=0, verbose_name='pairs found')),
                ('created_by', models.CharField(max_length=100)),
                ('created_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Standard',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=60, unique=True, verbose_name='code of the standard')),
                ('title', models.CharField(max_length=200, verbose_name='title of the standard')),
                ('in_force_from', models.DateField(blank=True, null=True, verbose_name='in force from')),
                ('in_force_to', models.DateField(blank=True, db_index=True, null=True, verbose_name='in force until')),
                ('replaced_by', models.CharField(blank=True, max_length=60, verbose_name='replaced by')),
            ],
            options={
                'ordering': ['code'],
            },
        ),
        migrations.AddField(
            model_name='bankrelease',
            name='enemies',
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name='itemimport',
            name='defaults',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='itemimport',
            name='format',
            field=models.CharField(default='xlsx', max_length=12, verbose_name='format'),
        ),
        migrations.AddField(
            model_name='itemimport',
            name='report',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='itemversion',
            name='chapter',
            field=models.CharField(blank=True, max_length=20, verbose_name='syllabus chapter'),
        ),
        migrations.AddField(
            model_name='itemversion',
            name='level',
            field=models.CharField(choices=[('掌握', 'Master (掌握)'), ('熟悉', 'Be familiar (熟悉)'), ('了解', 'Know (了解)')], default='', max_length=6, verbose_name='level'),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='itemversion',
            name='post_codes',
            field=models.CharField(default='', help_text='of its posts, as “,101,102,”', max_length=200),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='itemversion',
            name='subject',
            field=models.CharField(choices=[('general', 'General knowledge'), ('professional', 'Professional knowledge')], default='', max_length=20, verbose_name='subject'),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='itemversion',
            name='valid_to',
            field=models.DateField(blank=True, db_index=True, null=True, verbose_name='not drawn after'),
        ),
        migrations.AlterField(
            model_name='itemimport',
            name='state',
            field=models.CharField(choices=[('reading', 'Being read'), ('failed', 'Could not be read'), ('staged', 'Waiting for confirmation'), ('taking', 'Being taken in'), ('confirmed', 'Taken in'), ('discarded', 'Discarded')], default='staged', max_length=10, verbose_name='state'),
        ),
        migrations.RenameField(model_name='itemversion', old_name='explanation', new_name='plain_explanation'),
        migrations.RenameField(model_name='itemversion', old_name='key', new_name='plain_key'),
        migrations.AddField(
            model_name='itemversion',
            name='explanation',
            field=zhupei.web.fields.EncryptedField(blank=True, default='', verbose_name='explanation'),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='itemversion',
            name='key',
            field=zhupei.web.fields.EncryptedJSONField(null=True),
        ),
        migrations.CreateModel(
            name='ItemCalibration',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('facility', models.DecimalField(decimal_places=3, max_digits=4, verbose_name='share of right answers')),
                ('n', models.PositiveIntegerField(verbose_name='answers')),
                ('model', models.CharField(blank=True, max_length=10, verbose_name='model')),
                ('a', models.DecimalField(decimal_places=3, max_digits=6, null=True, verbose_name='slope')),
                ('b', models.DecimalField(decimal_places=3, max_digits=6, null=True, verbose_name='difficulty')),
                ('fits', models.BooleanField(default=True, verbose_name='fits the model')),
                ('recorded_at', models.DateTimeField()),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='calibrations', to='itembank.itemversion')),
            ],
            options={
                'get_latest_by': 'pk',
            },
        ),
        migrations.CreateModel(
            name='Media',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('content_type', models.CharField(max_length=20)),
                ('width', models.PositiveIntegerField()),
                ('height', models.PositiveIntegerField()),
                ('created_at', models.DateTimeField()),
                ('file', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='evidence.storedfile')),
            ],
        ),
        migrations.CreateModel(
            name='ReleasedVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('share', models.DecimalField(decimal_places=3, max_digits=4, null=True)),
                ('a', models.DecimalField(decimal_places=3, max_digits=6, null=True)),
                ('b', models.DecimalField(decimal_places=3, max_digits=6, null=True)),
                ('release', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rows', to='itembank.bankrelease')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='itembank.itemversion')),
            ],
        ),
        migrations.AddField(
            model_name='item',
            name='standards',
            field=models.ManyToManyField(related_name='items', to='itembank.standard', verbose_name='laws and standards'),
        ),
        migrations.CreateModel(
            name='DuplicatePair',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_version', models.PositiveIntegerField()),
                ('second_version', models.PositiveIntegerField()),
                ('likeness', models.PositiveSmallIntegerField(help_text='in per cent', verbose_name='likeness')),
                ('reason', models.CharField(help_text='of ``duplicates.Reason``', max_length=30)),
                ('verdict', models.CharField(choices=[('open', 'To decide'), ('different', 'No duplicates'), ('enemies', 'Kept out of one paper')], default='open', max_length=10)),
                ('decided_by', models.CharField(blank=True, max_length=100)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('first', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='itembank.item')),
                ('second', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='itembank.item')),
            ],
            options={
                'indexes': [models.Index(fields=['verdict', 'likeness'], name='alike_queue')],
                'constraints': [models.UniqueConstraint(fields=('first', 'second'), name='alike_once'), models.CheckConstraint(condition=models.Q(('first__lt', models.F('second'))), name='alike_ordered')],
            },
        ),
        migrations.CreateModel(
            name='EnemyPair',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                ('created_by', models.CharField(max_length=100)),
                ('created_at', models.DateTimeField()),
                ('first', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='itembank.item')),
                ('second', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='itembank.item')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('first', 'second'), name='enemies_once'), models.CheckConstraint(condition=models.Q(('first__lt', models.F('second'))), name='enemies_ordered')],
            },
        ),
        migrations.AddConstraint(
            model_name='releasedversion',
            constraint=models.UniqueConstraint(fields=('release', 'version'), name='released_once'),
        ),
    ]
