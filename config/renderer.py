"""How every form of ours looks: labels, hints, errors, and their summary."""

from django.forms.renderers import TemplatesSetting


class GreenroomForms(TemplatesSetting):
    """``{{ form }}`` and ``{{ form.name.as_field_group }}`` through templates/forms/."""

    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"
