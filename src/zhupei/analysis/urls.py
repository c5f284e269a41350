from django.urls import path

from . import views

app_name = "analysis"
urlpatterns = [
    path("", views.items, name="items"),
    path("items/<int:pk>/", views.item, name="item"),
    path("items/<int:pk>/settle/", views.settle, name="settle"),
    path("map/", views.item_map, name="map"),
    path("exposure/", views.exposure, name="exposure"),
    path("runs/", views.runs, name="runs"),
    path("runs/<int:pk>/", views.run, name="run"),
    path("runs/<int:pk>/progress/", views.progress, name="progress"),
    path("runs/<int:pk>/report/", views.report, name="report"),
    path("runs/batch/<int:pk>/", views.request_batch, name="request_batch"),
    path("runs/calibration/", views.request_calibration, name="request_calibration"),
]
