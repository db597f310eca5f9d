from django.urls import URLPattern, URLResolver

app_name = "therapy_credits"

urlpatterns: list[URLPattern | URLResolver] = []
