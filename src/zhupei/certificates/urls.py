from django.urls import path

from . import views

app_name = "certificates"
urlpatterns = [
    path("check/", views.check, name="check"),
    path("check/<str:token>/", views.check_token, name="check_token"),
    path("", views.certificate_list, name="list"),
    path("mine/", views.mine, name="mine"),
    path("revocations/", views.revocations, name="revocations"),
    path("revocations/<int:pk>/decide/", views.revocation_decide, name="revocation_decide"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/certificate.pdf", views.pdf, name="pdf"),
]
