from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("calendars", "0006_how_dates_repeat_is_the_persons")]

    operations = [migrations.RemoveField(model_name="feedtoken", name="is_repeating")]
