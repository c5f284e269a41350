from django.urls import path

from . import views

app_name = "organisations"
urlpatterns = [
    path("", views.organisations, name="list"),
    path("act-as/", views.act_as, name="act_as"),
    path("members/", views.members, name="members"),
    path("<int:pk>/members/", views.members, name="members_of"),
    path("<int:pk>/invite/", views.invite, name="invite"),
    path("memberships/<int:pk>/end/", views.end_role, name="end_role"),
]
