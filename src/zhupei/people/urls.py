from django.urls import path

from . import views

app_name = "people"
urlpatterns = [
    path("sign-up/", views.sign_up, name="sign_up"),
    path("new-password/", views.reset_password, name="reset_password"),
    path("consents/<str:purpose>/", views.consent_text, name="consent_text"),
    path("", views.me, name="me"),
    path("number/", views.show_own, name="show_own"),
    path("edit/", views.edit, name="edit"),
    path("mobile/", views.change_phone, name="change_phone"),
    path("photo/", views.photo, name="photo"),
    path("photo/image/", views.photo_image, name="photo_image"),
    path("consents/<str:purpose>/give/", views.give_consent, name="give_consent"),
    path("consents/<str:purpose>/withdraw/", views.withdraw_consent, name="withdraw_consent"),
    path("export/", views.export, name="export"),
    path("find/", views.find, name="find"),
    path("find/<str:token>/", views.card, name="card"),
    path("find/<str:token>/photo/", views.card_photo, name="card_photo"),
    path("find/<str:token>/correct/", views.correct, name="correct"),
]
