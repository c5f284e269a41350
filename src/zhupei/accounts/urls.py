from django.urls import path

from . import views

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("second-factor/", views.second_factor, name="second_factor"),
    path("second-factor/set-up/", views.second_factor_set_up, name="second_factor_set_up"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("code/", views.send_code, name="send_code"),
    path("new-password/", views.new_password, name="new_password"),
    path("password/", views.change_password, name="change_password"),
    path("", views.mine, name="mine"),
    path("sessions/<int:pk>/end/", views.end_session, name="end_session"),
    path("users/", views.users, name="users"),
    path("users/<int:pk>/", views.user, name="user"),
    path("users/<int:pk>/close/", views.close, name="close"),
    path("users/<int:pk>/reopen/", views.reopen, name="reopen"),
    path("users/<int:pk>/reset-second-factor/", views.reset_second_factor, name="reset_second_factor"),
]
