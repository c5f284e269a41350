from django.urls import path

from . import views

app_name = "itembank"
urlpatterns = [
    path("", views.items, name="items"),
    path("new/", views.kinds, name="kinds"),
    path("new/<str:kind>/", views.new, name="new"),
    path("<int:pk>/", views.item, name="item"),
    path("<int:pk>/key/", views.show_key, name="show_key"),
    path("<int:pk>/edit/", views.edit, name="edit"),
    path("<int:pk>/review/", views.review, name="review"),
    path("<int:pk>/return/", views.return_item, name="return_item"),
    path("<int:pk>/publish/", views.publish, name="publish"),
    path("<int:pk>/retire/", views.retire, name="retire"),
    path("queue/", views.queue, name="queue"),
    path("queue/publish/", views.publish_reviewed, name="publish_reviewed"),
    path("imports/", views.imports, name="imports"),
    path("imports/template/", views.template, name="template"),
    path("imports/<int:pk>/", views.import_page, name="import"),
    path("imports/<int:pk>/confirm/", views.confirm_import, name="confirm_import"),
    path("imports/<int:pk>/discard/", views.discard_import, name="discard_import"),
    path("releases/", views.releases, name="releases"),
    path("releases/make/", views.make_release, name="make_release"),
    path("releases/<int:pk>/", views.release, name="release"),
]
