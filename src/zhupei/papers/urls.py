from django.urls import path

from . import views

app_name = "papers"
urlpatterns = [
    path("blueprints/", views.blueprints, name="blueprints"),
    path("blueprints/new/", views.new_blueprint, name="new_blueprint"),
    path("blueprints/defaults/", views.load_defaults, name="load_defaults"),
    path("blueprints/<int:pk>/", views.blueprint, name="blueprint"),
    path("blueprints/<int:pk>/trial/", views.trial, name="trial"),
    path("draws/", views.draws, name="draws"),
    path("draws/<int:pk>/", views.draw, name="draw"),
    path("draws/<int:pk>/recheck/", views.recheck, name="recheck"),
]
