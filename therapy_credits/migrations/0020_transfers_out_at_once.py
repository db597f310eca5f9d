"""An index of what leaves an account otherwise than by a session held and used."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("therapy_credits", "0019_limits_are_for_good")]

    operations = [
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(
                fields=["debit"],
                name="transfer_out_at_once",
                condition=models.Q(("phase", "single")),
            ),
        )
    ]
