"""Where django-oauth-toolkit answers in `django_server`: at /o/, with its metadata at the root, as its pages say."""

from django.urls import include, path
from oauth2_provider.urls import metadata_urlpatterns

urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("", include((metadata_urlpatterns, "oauth2_provider_metadata"))),
]
