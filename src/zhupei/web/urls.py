from django.urls import path

from . import views

app_name = "web"
urlpatterns = [
    path("preferences/", views.preferences, name="preferences"),
    path("health/", views.health, name="health"),
]
