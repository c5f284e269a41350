from django.urls import path

from . import views

app_name = "rulebook"
urlpatterns = [
    path("", views.basis, name="basis"),
    path("document/", views.rule_document, name="rule_document"),
    path("posts/", views.posts, name="posts"),
    path("divisions/", views.divisions, name="divisions"),
    path("parameters/", views.parameters, name="parameters"),
    path("parameters/<slug:key>/", views.parameter, name="parameter"),
    path("parameters/<slug:key>/change/", views.parameter_change, name="parameter_change"),
    path("calendar/", views.calendar_year, name="calendar"),
    path("calendar/import/", views.calendar_import, name="calendar_import"),
    path("calendar/import/example.csv", views.calendar_example, name="calendar_example"),
    path("calendar/import/apply/", views.calendar_apply, name="calendar_apply"),
]
