import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0026_room_for_an_ordinary_yes'),
    ]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name='rsvp',
            trigger=pgtrigger.compiler.Trigger(name='never_of_the_erased', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW.user_id IS NOT NULL)', declare='DECLARE gone TIMESTAMPTZ;', func="\n                    SELECT erased_at INTO gone FROM accounts_user\n                     WHERE id = NEW.user_id FOR KEY SHARE;\n                    IF gone IS NOT NULL THEN\n                        RAISE EXCEPTION 'account % is erased', NEW.user_id\n                            USING ERRCODE = 'check_violation',\n                                  CONSTRAINT = 'rsvp_never_of_the_erased';\n                    END IF;\n                    RETURN NEW;\n                ", hash='fcd5987edbc60dfea716a4fa9f82436d67f01762', operation='INSERT OR UPDATE OF "user_id"', pgid='pgtrigger_never_of_the_erased_92bee', table='events_rsvp', when='BEFORE')),
        ),
    ]
