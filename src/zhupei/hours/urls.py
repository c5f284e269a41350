from django.urls import path

from . import views

app_name = "hours"
urlpatterns = [
    path("mine/", views.mine, name="mine"),
    path("ledger/<int:enrolment_id>/", views.ledger, name="ledger"),
    path("ledger/<int:enrolment_id>/credit/", views.propose, name="propose"),
    path("ledger/<int:enrolment_id>/exception/", views.exception, name="exception"),
    path("entries/<int:pk>/reverse/", views.reverse, name="reverse"),
    path("credits/", views.credit_list, name="credits"),
    path("credits/<int:pk>/", views.credit, name="credit"),
    path("credits/<int:pk>/decide/", views.decide, name="decide"),
    path("credits/<int:pk>/evidence/", views.evidence, name="evidence"),
]
