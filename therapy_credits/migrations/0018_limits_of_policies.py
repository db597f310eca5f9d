import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ambassadors', '0013_country_asked_when_joining'),
        ('therapy_credits', '0017_practice_opens_when_verified'),
    ]

    operations = [
        migrations.AddField(
            model_name='policy',
            name='goodwill_percent',
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='kept back in the pool when it gives, in percent'),
        ),
        migrations.CreateModel(
            name='Limits',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('networks', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), blank=True, default=list, size=None, verbose_name='networks')),
                ('kinds', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('one', 'One person'), ('two', 'Two people'), ('group', 'A band or a team')], max_length=8), blank=True, default=list, size=None, verbose_name='kinds of session')),
                ('missed_rules', django.contrib.postgres.fields.ArrayField(base_field=django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(), size=4), blank=True, default=list, size=None)),
                ('pool', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='therapy_credits.pool')),
            ],
            options={
                'verbose_name': 'limits of what was given',
                'verbose_name_plural': 'limits of what was given',
            },
        ),
        migrations.AddField(
            model_name='account',
            name='limits',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='therapy_credits.limits'),
        ),
        migrations.AddField(
            model_name='booking',
            name='limits',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='therapy_credits.limits'),
        ),
        migrations.AddField(
            model_name='policy',
            name='limits',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='therapy_credits.limits'),
        ),
        migrations.AddField(
            model_name='sessioncode',
            name='limits',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='therapy_credits.limits'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(('kind', 'lot'), ('limits__isnull', True), _connector='OR'), name='account_only_lots_have_limits'),
        ),
        migrations.AddConstraint(
            model_name='policy',
            constraint=models.CheckConstraint(condition=models.Q(('goodwill_percent__isnull', True), ('goodwill_percent__lte', 100), _connector='OR'), name='policy_goodwill_is_a_percentage'),
        ),
        migrations.AddConstraint(
            model_name='limits',
            constraint=models.CheckConstraint(condition=models.Q(('kinds__contained_by', ['one', 'two', 'group'])), name='limits_kinds_known'),
        ),
        migrations.AddConstraint(
            model_name='limits',
            constraint=models.CheckConstraint(condition=models.Q(('kinds', []), ('missed_rules', []), ('networks', []), _negated=True), name='limits_narrow_something'),
        ),
        migrations.AddConstraint(
            model_name='limits',
            constraint=models.UniqueConstraint(fields=('id', 'pool'), name='limits_of_a_pool'),
        ),
    ]
